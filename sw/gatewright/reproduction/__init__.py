"""The table of the paper that this project answers, measured: systems, optimisations, latency, in one report."""
