"""Histories cut into what a reader of limited length is trained on."""

from gatewright.models.systems.sasrec import _windows


def test_every_rating_but_a_users_first_is_predicted_once(ratings):
    read, count = _windows(ratings([[0, 1, 2, 3, 4, 5, 6], [], [7], [8, 9]], 10), 3)
    cut = sorted(row[:n].tolist() for row, n in zip(read, count.tolist(), strict=True))
    assert cut == [[0, 1, 2, 3], [3, 4, 5, 6], [8, 9]]


def test_nobody_who_rated_twice_is_nothing_to_train_on(ratings):
    read, count = _windows(ratings([[0], [], [1]], 2), 3)
    assert (read.shape, count.shape) == ((0, 4), (0,))
