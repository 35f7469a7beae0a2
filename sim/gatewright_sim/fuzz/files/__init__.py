"""Damaged files and messages: whoever reads them gives the right result, or refuses them in one sentence."""
