"""How good a ranking is, and how sure one can be of it: metrics, protocols, intervals and tests. Needs numpy alone."""
