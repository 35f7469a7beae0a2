"""What keeps an accelerator from running on a board, and what to do about it; without touching what could stop it."""

from gatewright.doctor.coherent import DIRECTIONS
from gatewright.doctor.examine import examine
from gatewright.doctor.finding import Finding, Verdict, exit_code

__all__ = ["DIRECTIONS", "Finding", "Verdict", "examine", "exit_code"]
