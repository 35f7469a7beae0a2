"""The hybrid: experts on graph, order, text and time, each of them a dot product, and a gate that pools them."""

from gatewright.models.experts.hybrid import Hybrid, Learnt

__all__ = ["Hybrid", "Learnt"]
