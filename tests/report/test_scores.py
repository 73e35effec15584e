"""Tables as one array: what every method has on every data set, and what is left out."""

import numpy as np
import pytest

from bench.errors import UserError
from bench.report.figures.scores import scores
from bench.report.quantities import ACCURACY
from bench.report.tables.collect import collect
from bench.report.tables.model import Column
from tests.helpers.results import add

ACC = Column("val", ACCURACY)


def made(folder, methods="xyz", datasets=("one", "two"), seeds=3):
    for i, m in enumerate(methods):
        for t, d in enumerate(datasets):
            for s in range(seeds):
                add(folder, m, s, dataset=d, accuracy=(100 * i + 10 * t + s) / 1000, order=i)


def test_scores_lie_by_method_seed_and_data_set(tmp_path):
    made(tmp_path)
    found = scores(collect(tmp_path), ACC)
    assert (found.methods, found.seeds, found.datasets) == (
        ("x", "y", "z"),
        (0, 1, 2),
        ("one", "two"),
    )
    places = np.array(np.meshgrid([0, 100, 200], [0, 1, 2], [0, 10], indexing="ij")).sum(axis=0)
    assert np.allclose(found.values * 1000, places) and found.left_out == ()


def test_what_some_data_set_lacks_is_left_out_and_named(tmp_path):
    made(tmp_path)
    add(tmp_path, "alone", dataset="one", accuracy=0.5)
    add(tmp_path, "x", 7, dataset="two", accuracy=0.5)
    add(tmp_path, "x", dataset="two", accuracy=0.5, data={"split": "literature"})
    add(tmp_path, "y", 8, dataset="two", accuracy=0.5, data_hash="e" * 64)
    found = scores(collect(tmp_path), ACC)
    assert found.values.shape == (3, 3, 2)
    text = " ".join(found.left_out)
    assert "Not everywhere, and so not here: alone." in text and "the same data count once" in text
    assert "Only seeds 0 to 2" in text


def test_a_method_that_lacks_runs_costs_the_others_none(tmp_path):
    made(tmp_path)
    for seed in (0, 1):
        add(tmp_path, "torn", seed, dataset="one", accuracy=0.5)
    for seed in range(3):
        add(tmp_path, "torn", seed, dataset="two", accuracy=0.5)
    found = scores(collect(tmp_path), ACC)
    assert (found.methods, found.seeds) == (("x", "y", "z"), (0, 1, 2))
    assert found.left_out == ("torn: not all of seeds 0 to 2 on one.",)


def test_of_two_methods_neither_is_given_up_for_the_seeds_of_the_other(tmp_path):
    made(tmp_path, methods="x", seeds=5)
    made(tmp_path, methods="y", seeds=2)
    found = scores(collect(tmp_path), ACC)
    assert (found.methods, found.seeds) == (("x", "y"), (0, 1))
    assert found.left_out == ("Only seeds 0, 1, which all others have everywhere.",)


def test_generated_data_count_as_many_times_as_they_differ(tmp_path):
    for setting, data_hash in (("easy", "a" * 64), ("hard", "b" * 64)):
        for method, share in (("x", 0.5), ("y", 0.6)):
            add(tmp_path, method, accuracy=share, data={"split": setting}, data_hash=data_hash)
    found = scores(collect(tmp_path), ACC)
    assert found.datasets == ("toy easy", "toy hard") and found.left_out == ()


def test_over_folds_a_seed_counts_with_its_mean_over_those_that_all_methods_have(tmp_path):
    made(tmp_path)
    for method, fold, seed, accuracy in (
        *(("x", 1, s, 0.9) for s in (0, 1, 2)),
        *(("y", 1, s, 0.8) for s in (0, 1)),
        *(("z", f, s, 0.7) for f in (1, 2) for s in (0, 1)),
    ):
        add(tmp_path, method, seed, dataset="two", accuracy=accuracy, data={"fold": fold})
    found = scores(collect(tmp_path), ACC)
    assert found.seeds == (0, 1) and found.datasets == ("one", "two")
    assert np.allclose(found.values[:, :, 0], [[0, 0.001], [0.1, 0.101], [0.2, 0.201]])
    own = np.array([[0.01, 0.011], [0.11, 0.111], [0.21, 0.211]])
    assert np.allclose(found.values[:, :, 1], (own + np.array([[0.9], [0.8], [0.7]])) / 2)


def test_nothing_in_common_is_refused(tmp_path):
    add(tmp_path, "x", dataset="one", accuracy=0.5)
    add(tmp_path, "y", dataset="two", accuracy=0.5)
    with pytest.raises(UserError, match="no method has accuracy"):
        scores(collect(tmp_path), ACC)
    with pytest.raises(UserError, match="protocol last"):
        scores(collect(tmp_path, datasets=("one",)), Column("last", ACCURACY))
