"""Ratings of users with a taste, and small systems."""

from small_comparison import cache, data, entries, fitted

__all__ = ["cache", "data", "entries", "fitted"]
