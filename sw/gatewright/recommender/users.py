"""Users by their ids."""

from __future__ import annotations

import numpy as np

from gatewright.recommender.errors import UnknownUserError

__all__ = ["user_index"]


def user_index(user_ids: np.ndarray, user_id: int) -> int:
    """Position of a user id among the ascending ``user_ids``; raises `UnknownUserError`."""
    index = int(user_ids.searchsorted(user_id))
    if index == len(user_ids) or user_ids[index] != user_id:
        raise UnknownUserError(user_id, len(user_ids), int(user_ids[0]), int(user_ids[-1]))
    return index
