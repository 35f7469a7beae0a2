"""Rows of elements as the parts of the vector engine take them."""

from __future__ import annotations

import numpy as np

from gatewright_sim.components.values import Int64

__all__ = ["groups_of", "row_shape"]


def row_shape(columns: int, lanes: int) -> dict[str, int]:
    """The value of ``row_layout`` for rows of ``columns``."""
    return {"last_group": (columns - 1) // lanes, "tail": columns % lanes}


def groups_of(rows: Int64, noise: Int64) -> list[tuple[list[int], bool]]:
    """Rows [n, columns] as groups, each with whether it is its row's last; ``noise`` [lanes] stands beyond the end."""
    columns, lanes = rows.shape[1], len(noise)
    padded = np.concatenate([rows, np.tile(noise[: -columns % lanes], (len(rows), 1))], axis=1)
    per_row = padded.shape[1] // lanes
    groups = padded.reshape(-1, lanes).tolist()
    return [(group, index % per_row == per_row - 1) for index, group in enumerate(groups)]
