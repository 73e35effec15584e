"""Digits: the split never moves, and the recipes and the table know every data set."""

import sys
from subprocess import run

import numpy as np
import pytest
import torch

from bench.config.settings import build, recorded
from bench.config.spec import NetworkConfig, TrainConfig
from bench.datasets import ENTRIES
from bench.datasets.core.recipes import recipe
from bench.datasets.digits.adapter import FOLDS, Digits
from bench.errors import UserError
from bench.registry import load

HASH = "49487f2d0011015902165c0bff8c553f511e6cbd5ef17e4e72c11b65db25c4cb"
DIGESTS = {
    "clean": {
        "train": "061f692e3108381bbc93527ddb986f5608694819a023c2151e3a390282bef766",
        "val": "6f55bd3d7d71f6ce090197e4cffc8c4083fa268036742de404c763f7a61f3a10",
        "test": "b44c23151d0e3462f456063ef7d4327e721fa9deaadf270444c273bbfbc234f6",
    },
    "literature": {
        "train": "fde9e8bd188f2d496bba6f94f4127222ded03bd42686a83fd43cbf16b6408543",
        "test": "8759aea49b23ccb3eb7036b09cf34ba9be81b852438ca253ad2e2a2508f11f82",
    },
    "literature+val": {
        "train": "a1eab34b0072644b5acf71aeef5aaca863b2beec4b694cd1d1af8f0e3b931dd5",
        "val": "31f3bf15aa87abd32d5df51c2e4b7b86aa37b450c36a692e831f285160c93550",
        "test": "8759aea49b23ccb3eb7036b09cf34ba9be81b852438ca253ad2e2a2508f11f82",
    },
}


def opened(split, tmp_path):
    return Digits(Digits.Config(split=split), None).open(tmp_path)


@pytest.mark.parametrize("split", DIGESTS)
def test_digits_parts_and_data_have_their_published_digests(split, tmp_path):
    data = opened(split, tmp_path)
    assert data.digests == DIGESTS[split]
    assert data.hash == HASH
    assert data.split == split


def test_digits_literature_is_the_first_half_and_the_second(tmp_path):
    data = opened("literature", tmp_path)
    assert data.parts["train"].rows.tolist() == list(range(898))
    assert data.parts["test"].ids[0] == "digit-0898"


def test_digits_views_put_together_are_the_image(tmp_path):
    from sklearn.datasets import load_digits

    data = opened("clean", tmp_path)
    inputs = data.parts["train"].inputs
    whole = np.concatenate([inputs[m].numpy().reshape(-1, 8, w) for m, w in WIDTHS.items()], axis=2)
    np.testing.assert_array_equal(whole, load_digits().images)


WIDTHS = {"left": 5, "right": 3}


def test_digits_are_standardised_over_train(tmp_path):
    train = opened("clean", tmp_path).parts["train"]
    for m, modality in Digits(Digits.Config(), None).describe().modalities.items():
        x = (train.inputs[m][train.rows] - modality.mean) / modality.std
        assert x.shape[1:] == modality.shape and x.dtype == torch.float32
        torch.testing.assert_close(x.mean(), torch.tensor(0.0), atol=1e-4, rtol=0)
        torch.testing.assert_close(x.std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_digits_card_counts_every_part(tmp_path):
    card = Digits(Digits.Config(), None).check(tmp_path)
    rows = dict(card.rows)
    assert rows["train"].startswith("1076 samples") and card.problems == []
    assert rows["data hash"] == HASH


def test_an_unknown_split_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'literature'"):
        Digits.complete({"split": "literatur"}, None)


def test_complete_gives_every_setting():
    none = {"missing": 0.0, "label_noise": 0.0}
    assert Digits.complete({}, None) == {"split": "clean", "fold": 0} | none


def test_fold_0_is_the_split_from_before_there_were_folds(tmp_path):
    config = Digits.Config(split="clean", fold=0)
    data = Digits(config, None).open(tmp_path)
    assert (data.split, data.digests) == ("clean", DIGESTS["clean"])
    assert recorded(config) == {"split": "clean"}


def test_every_image_is_tested_in_one_of_the_folds_and_parts_share_none(tmp_path):
    folds = [Digits(Digits.Config(fold=k), None).open(tmp_path) for k in range(FOLDS)]
    tested = np.concatenate([data.parts["test"].rows.numpy() for data in folds])
    assert sorted(tested.tolist()) == list(range(1797))
    for k, data in enumerate(folds):
        rows = np.concatenate([part.rows.numpy() for part in data.parts.values()])
        assert sorted(rows.tolist()) == list(range(1797))
        counts = [len(part) for part in data.parts.values()]
        assert np.abs(np.array(counts) - [1078, 359, 360]).max() <= 4
        assert data.hash == HASH and data.split == ("clean" if k == 0 else f"clean-fold-{k}")
        assert recorded(Digits.Config(fold=k)) == {"split": "clean"} | ({"fold": k} if k else {})


def test_only_the_clean_split_has_folds():
    assert [Digits(Digits.Config(split=s), None).folds for s in DIGESTS] == [FOLDS, 0, 0]
    with pytest.raises(UserError, match="fold would have no effect: the split literature has no"):
        Digits.complete({"split": "literature", "fold": 1}, None)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_row_of_the_table_names_its_adapter_and_has_a_recipe(entry):
    adapter = load(entry.target)
    assert (adapter.name, adapter.title) == (entry.name, entry.title)
    assert bool(adapter.holds) == entry.needs_root
    found = recipe(entry.target)
    assert set(found) <= {"train", "network", "seconds_per_epoch"}
    assert build(TrainConfig, found["train"], entry.name).epochs > 1
    build(NetworkConfig, found.get("network", {}), entry.name)
    assert found["seconds_per_epoch"] > 0


def test_a_data_set_without_a_recipe_has_an_empty_one():
    assert recipe("tests.helpers.synthetic:Synthetic") == {}


def test_the_table_of_data_sets_needs_neither_torch_nor_numpy():
    code = "import datasets, sys; sys.exit(bool({'torch', 'numpy', 'sklearn'} & set(sys.modules)))"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
