"""The rules that deal samples to parts: check values of the data set pages, and their promises."""

import numpy as np

from bench.datasets.core.splits.hashing import (
    carve,
    deal,
    groups_by_class,
    hash_order,
    order_key,
    split_digest,
)


def test_digest_of_a_split_has_the_published_value():
    expected = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"
    assert split_digest(["b", "a"]) == expected


def test_order_key_has_the_published_value():
    expected = "913be72228c928bede9d3c7d069087d16c9fc709655b6e1d11e849452827c7be"
    assert order_key("cremad", "val", "1001_IEO_NEU_XX") == expected


def test_hash_order_does_not_depend_on_the_order_of_the_list():
    names = [f"n{i}" for i in range(50)]
    assert hash_order("d", "s", names) == hash_order("d", "s", reversed(names))
    assert hash_order("d", "s", names) != hash_order("d", "t", names)


def test_carve_takes_the_rounded_share_of_each_class():
    labels = np.array([0] * 25 + [1] * 4 + [2] * 14)
    ids = [f"i{i}" for i in range(len(labels))]
    taken = carve("d", "val", ids, labels, 0.1)
    # floor(2.5 + 0.5), floor(0.4 + 0.5), floor(1.4 + 0.5)
    assert np.bincount(labels[taken], minlength=3).tolist() == [3, 0, 1]


def test_carve_takes_the_first_in_hash_order():
    ids = [f"i{i}" for i in range(20)]
    taken = carve("d", "val", ids, np.zeros(20, int), 0.1)
    assert {i for i, t in zip(ids, taken, strict=True) if t} == set(hash_order("d", "val", ids)[:2])


def test_shares_of_different_places_are_all_samples_once():
    ids, labels = [f"i{i}" for i in range(43)], np.array([0] * 25 + [1] * 4 + [2] * 14)
    taken = [carve("d", "test", ids, labels, 0.2, place) for place in range(5)]
    assert (np.sum(taken, axis=0) == 1).all()
    assert (taken[0] == carve("d", "test", ids, labels, 0.2)).all()


def test_carve_never_cuts_a_group():
    groups = [f"g{i // 5}" for i in range(100)]
    taken = carve("d", "test", groups, np.arange(100) % 2, 0.2)
    inside = {g for g, t in zip(groups, taken, strict=True) if t}
    assert 0 < taken.sum() < 100
    assert all((g in inside) == t for g, t in zip(groups, taken.tolist(), strict=True))


def test_a_group_has_the_class_of_most_members_and_a_tie_goes_to_the_smaller():
    groups = ["a", "a", "a", "b", "b"]
    assert groups_by_class(groups, np.array([2, 2, 0, 1, 0])) == {0: ["b"], 2: ["a"]}


def test_every_sample_is_in_one_fold_and_folds_are_balanced():
    labels = np.arange(60) % 3
    fold = deal("d", [f"i{i}" for i in range(60)], labels, 5)
    counts = np.array([np.bincount(labels[fold == f], minlength=3) for f in range(5)])
    assert (counts == 4).all()
