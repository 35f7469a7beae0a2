"""Pictures for pages that people open from a disk: whoever draws needs plotly, whoever looks a browser."""
