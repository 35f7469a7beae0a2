"""Proofs of what the hardware's parts promise, by SAT: for every input, not for some."""
