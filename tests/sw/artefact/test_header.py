"""What a bitstream's header seals is what a manifest says, however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from gatewright.artefact import ArtefactError
from gatewright.artefact.header import check_header, header


@pytest.mark.parametrize(
    ("built", "read"),
    [
        ({"lut": 7, "bram36": 1.5}, {"lut": 7.0, "bram36": 1.5}),
        ({"b": [1], "a": 2.0}, {"a": 2, "b": (1.0,)}),
        (1e300, int(1e300)),
    ],
)
def test_a_number_is_the_same_with_and_without_a_point(built: Any, read: Any) -> None:
    check_header(header({"used": built}, b""), {"used": read}, b"")


@pytest.mark.parametrize(("built", "read"), [(7, 8.0), (1.5, 1), (1, True), (1, "1"), ([1.0], [1.0, 1.0])])
def test_another_value_is_found_out(built: Any, read: Any) -> None:
    with pytest.raises(ArtefactError, match="the used of the manifest is not the one that it was built with"):
        check_header(header({"used": built}, b""), {"used": read}, b"")
