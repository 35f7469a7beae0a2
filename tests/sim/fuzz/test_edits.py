"""Changes of something sound: what they are drawn from stays as it is, so that a seed draws the same again."""

from hypothesis import given, settings

from gatewright_sim.fuzz.files import edits


def test_drawing_leaves_what_is_drawn_from() -> None:
    before, sound = repr(edits._OTHERS), {"x": 1}
    known = repr(sound)

    @settings(max_examples=1500, database=None, deadline=None)
    @given(edits.written(sound))
    def draw(case: bytes) -> None:
        assert case

    draw()
    assert (repr(edits._OTHERS), repr(sound)) == (before, known)
