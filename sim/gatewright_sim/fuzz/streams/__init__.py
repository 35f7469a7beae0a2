"""Command streams straight into the golden machine and the RTL: same bytes, same errors, no hang."""
