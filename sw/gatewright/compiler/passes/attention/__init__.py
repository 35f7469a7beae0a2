"""Attention found in its many spellings, and made one operator."""
