"""Mutation testing of the hardware: small faults, one at a time, and which test notices each."""
