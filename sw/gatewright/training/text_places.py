"""Where vectors of texts stand: in the language model alone, and in the whole hybrid."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gatewright.evaluation.protocols import FullRanking
from gatewright.evaluation.quality import Quality
from gatewright.models.baselines.tune import joined
from gatewright.models.data import MovieLens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.experts import Hybrid
from gatewright.models.experts.condensed import Condensed, Heard
from gatewright.models.experts.hybrid import GATE_SHARE
from gatewright.models.experts.panel import Panel
from gatewright.models.experts.text import Reading, alike
from gatewright.models.systems import TextAlone

__all__ = ["HYBRID", "TEXT", "qualities"]

TEXT, HYBRID = TextAlone.NAME, Hybrid.NAME


def qualities(data: MovieLens, shuffle: int, vectors: Mapping[str, np.ndarray]) -> dict[str, dict[str, Quality]]:
    """By system, and by the name of the ``vectors`` (float32 [items, 384]): full ranking of the test, of the split by
    user with that shuffle of ties. Options are the systems' own, the same for all vectors."""
    parts = split(data, UserTimeSplit(seed=shuffle))
    known = joined(parts.train, parts.validation)
    protocol = FullRanking(known, parts.test)
    hybrid = _Hybrids(known)
    scorers = {TEXT: lambda text: TextAlone().fit(known, text), HYBRID: hybrid.of}
    return {
        system: {name: protocol.measure(scorer(text), f"{system}, {name}").all for name, text in vectors.items()}
        for system, scorer in scorers.items()
    }


class _Hybrids:
    """Hybrids that differ in their texts alone: what they have learnt otherwise is learnt once."""

    def __init__(self, train: MovieLens) -> None:
        self.system, self.train = Hybrid(), train
        self.earlier, self.later = train.hold_out_latest(GATE_SHARE)
        self.panels = [self.system.panel(ratings) for ratings in (self.earlier, train)]

    def of(self, text: np.ndarray) -> Heard:
        before, now = (self._with(panel, text) for panel in self.panels)
        heard = before.hear(self.earlier)
        gate = self.system.gate(heard, self.earlier, self.later)
        asked = self.system.asked(heard, gate, self.earlier, self.later)
        condensed = Condensed.of(now, gate, asked, self.train, self.system.joint_width, self.system.seed)
        return condensed.hear(self.train)

    def _with(self, panel: Panel, text: np.ndarray) -> Panel:
        reading = Reading.of(text, self.system.text_width)
        expert = alike(text, reading, self.system.taste_half_life)
        return replace(panel, experts=(*panel.experts[:-1], expert), reading=reading)
