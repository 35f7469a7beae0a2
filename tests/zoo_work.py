"""Work for processes of the zoo's tests, where those can import it."""

import os
import time

from gatewright_sim.zoo.trial import Outcome, Result


def by_name(name, theirs):
    """Ends, hangs or dies, as the name says."""
    if name == "hangs":
        time.sleep(600)
    if name == "dies":
        os._exit(7)
    theirs.send(Outcome(name, Result.RIGHT, error=0.0))
