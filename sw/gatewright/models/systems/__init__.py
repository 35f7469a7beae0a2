"""Systems with learnt vectors, in the protocol of the baselines: what the hybrid is made of, each alone, and rivals."""

from gatewright.models.systems.bpr import Bpr
from gatewright.models.systems.graph_alone import GraphAlone
from gatewright.models.systems.sasrec import SasRec
from gatewright.models.systems.text_alone import TextAlone

__all__ = ["NEURAL_BUDGET", "SYSTEMS", "Bpr", "GraphAlone", "SasRec", "TextAlone"]

SYSTEMS = (TextAlone, Bpr, GraphAlone, SasRec)
"""In the order of tables: text alone, who rated what, the graph of it, the order in which."""

NEURAL_BUDGET = 6
"""Trials of each system that is trained step by step, a quarter of the baselines': a trial takes as long as theirs
together."""
