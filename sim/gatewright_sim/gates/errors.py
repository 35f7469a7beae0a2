"""What keeps a netlist from being simulated."""

from gatewright.spec.errors import GatewrightError

__all__ = ["GateError"]


class GateError(GatewrightError):
    """A cell without a model, or in a mode that its model does not know."""
