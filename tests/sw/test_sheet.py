"""Tables of text keep their cells apart, whatever stands in one."""

import pytest

from gatewright.sheet import Sheet, html, markdown


@pytest.mark.parametrize(
    ("form", "cell", "shown"),
    [
        (lambda sheet: markdown([sheet]), "a|b", "| a/b |"),
        (html, "a<b", "<td>a&lt;b</td>"),
    ],
)
def test_a_cell_does_not_end_itself(form, cell: str, shown: str) -> None:
    assert shown in form(Sheet("title", ("column",), ((cell,),)))


def test_a_note_stands_beside_its_table() -> None:
    sheet = Sheet("title", ("column",), (("cell",),), "read this")
    assert markdown([sheet]).endswith("read this\n")
    assert html(sheet).endswith("<p>read this</p>")
