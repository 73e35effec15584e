"""Error groups, worked out by hand."""

import numpy as np
import pytest

from bench.metrics import groups

# Of two models alone and eight samples: both right on 0, 1, 2; one on 3, 4, 5, 6; none on 7.
ALONE = np.array([[1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 1, 1, 0]], dtype=bool)
RIGHT = np.array([1, 1, 0, 1, 0, 1, 1, 1], dtype=bool)


def test_accuracies_and_sizes_are_those_of_the_hand():
    assert groups.sizes(ALONE).tolist() == [3 / 8, 4 / 8, 1 / 8]
    assert groups.accuracies(RIGHT, ALONE).tolist() == [2 / 3, 3 / 4, 1.0]


def test_some_of_three_is_one_or_two():
    alone = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    expected = [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert groups.members(alone).astype(int).tolist() == expected


def test_the_groups_share_out_the_accuracy():
    assert groups.sizes(ALONE) @ groups.accuracies(RIGHT, ALONE) == pytest.approx(RIGHT.mean())


def test_an_empty_group_has_no_accuracy():
    found = groups.accuracies(RIGHT, np.ones_like(ALONE))
    assert found[0] == 6 / 8 and np.isnan(found[1:]).all()
