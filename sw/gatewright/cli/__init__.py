"""The `gatewright` command: one file per subcommand.

A subcommand imports the simulator, the compiler and the models inside its function, since each is an extra that need
not be installed for the others, and since torch and onnx take seconds to import.
"""

from gatewright.cli.app import app

__all__ = ["app"]
