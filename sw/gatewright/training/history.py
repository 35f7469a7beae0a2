"""What a training has been through, and when it is at its end."""

from dataclasses import dataclass, field

from gatewright.training.plan import Plan

__all__ = ["History", "Look"]


@dataclass(frozen=True)
class Look:
    """Validation after ``step`` steps, which took ``seconds`` without validations and checkpoints.

    Of these the processor worked ``cpu_seconds``; the rest was other programs', or waiting for other processes.
    ``look_seconds`` is its work for all validations so far, this one included.
    """

    step: int
    seconds: float
    cpu_seconds: float
    look_seconds: float
    quality: float

    @property
    def work_seconds(self) -> float:
        """Of the processor, for all that it took to get here: steps and looks."""
        return self.cpu_seconds + self.look_seconds


@dataclass
class History:
    """What a training has been through.

    Attributes
    ----------
    losses : one a step
    seconds, cpu_seconds : of all steps, without looks and checkpoints
    look_seconds : of the processor, for all looks
    looks : at validation
    parameters, optimizer_bytes : that are trained, and that AdamW keeps of them
    """

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    look_seconds: float = 0.0
    looks: list[Look] = field(default_factory=list)
    parameters: int = 0
    optimizer_bytes: int = 0

    @property
    def best(self) -> Look:
        """The first of the highest quality."""
        return max(self.looks, key=lambda look: look.quality)

    def reached(self, quality: float) -> Look | None:
        """The first look that found ``quality`` or more; None if none did."""
        return next((look for look in self.looks if look.quality >= quality), None)

    def ended(self, plan: Plan) -> bool:
        if not self.looks:
            return False
        waited = sum(look.step > self.best.step for look in self.looks)
        return len(self.losses) >= plan.steps or waited >= plan.patience or self.best.quality >= plan.target
