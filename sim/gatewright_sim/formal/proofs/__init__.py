"""One file per group of proofs; each has a TABLE."""
