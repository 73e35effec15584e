"""Accuracy by error group: of which rows, seeds and samples."""

from collections import Counter

import numpy as np
import pytest

from bench.report.quantities import GROUPED
from bench.report.read import predictions
from bench.report.tables.collect import collect
from bench.report.tables.model import Column
from bench.report.tables.numbers import Numbers
from bench.report.tables.render import render
from tests.helpers.results import add
from tests.report.test_columns import line

DASH = "\N{EN DASH}"
# Which of eight samples each model gets right: both alone on the first three, one on four, none on
# the last.
FIRST, SECOND = "11111000", "11100110"
JOINED = "11010111"


def answers(run, rights, protocol="val"):
    """Stores answers that are right where `rights` has a 1, of three classes."""
    label = np.arange(len(rights)) % 3
    chosen = np.array([y if r == "1" else (y + 1) % 3 for y, r in zip(label, rights, strict=True)])
    logits = np.eye(3, dtype=np.float32)[chosen]
    np.savez(run.predictions("test"), **{"label": label, f"{protocol}/logits": logits})


def singles(folder, seed=0, first=FIRST, second=SECOND, **options):
    for m, rights in (("m0", first), ("m1", second)):
        answers(add(folder, f"unimodal-{m}", seed, probe={m: 0.5}, **options), rights)


def joined(folder, rights=JOINED, seed=0, method="x", **options):
    run = add(folder, method, seed, probe={"m0": 0.4, "m1": 0.4}, order=1, **options)
    answers(run, rights)


def cells(folder, method="x"):
    """Column -> values by seed, of a method's one row."""
    (table,) = collect(folder)
    (row,) = [row for row in table.rows if row.method == method]
    return {name: Numbers(table).cell(row, Column("val", name)).values for name in GROUPED}


def test_the_numbers_are_those_of_the_hand(tmp_path):
    singles(tmp_path)
    joined(tmp_path)
    expected = {
        "accuracy_all_right": {0: 2 / 3},
        "accuracy_some_right": {0: 3 / 4},
        "accuracy_none_right": {0: 1.0},
        "share_all_right": {0: 3 / 8},
        "share_some_right": {0: 4 / 8},
        "share_none_right": {0: 1 / 8},
    }
    assert cells(tmp_path) == expected


def test_each_seed_is_held_against_its_own_models_alone(tmp_path):
    singles(tmp_path)
    singles(tmp_path, seed=1, first="11110000", second="11110000")
    for seed in range(3):  # of which the third has no models alone
        joined(tmp_path, seed=seed)
    found = cells(tmp_path)
    assert found["accuracy_all_right"] == {0: 2 / 3, 1: 3 / 4}
    assert found["accuracy_some_right"] == {0: 3 / 4}  # an empty group of seed 1
    assert found["share_some_right"] == {0: 4 / 8, 1: 0}


def test_each_fold_is_held_against_its_own_models_alone(tmp_path):
    for fold, second in ((0, SECOND), (1, "11111000")):
        options = {"data": {"fold": fold}, "digests": {p: f"{fold}{p}" for p in ("train", "test")}}
        singles(tmp_path, second=second, **options)
        joined(tmp_path, **options)
    found = cells(tmp_path)["share_some_right"]
    assert [(draw.fold, draw.seed, share) for draw, share in found.items()] == [
        (0, 0, 0.5),
        (1, 0, 0.0),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"train": {"lr": 0.5}},
        {"network": {"encoder": {"m0": "linear"}}},
        {"data_hash": "e" * 64},
    ],
)
def test_models_alone_of_another_recipe_or_other_data_do_not_count(tmp_path, other):
    singles(tmp_path, **other)
    joined(tmp_path)
    assert set(map(len, cells(tmp_path).values())) == {0}


def test_a_modality_without_its_model_or_answers_is_a_dash(tmp_path):
    answers(add(tmp_path, "unimodal-m0", probe={"m0": 0.5}), FIRST)
    joined(tmp_path)
    assert set(map(len, cells(tmp_path).values())) == {0}
    add(tmp_path, "unimodal-m1", probe={"m1": 0.5})  # an older run, without stored answers
    assert set(map(len, cells(tmp_path).values())) == {0}


def test_a_table_says_what_the_groups_are_and_leaves_single_modalities_out(tmp_path):
    singles(tmp_path)
    joined(tmp_path)
    joined(tmp_path, "11111111", method="y")
    columns = ("accuracy_some_right", "share_some_right")
    text = render(collect(tmp_path), "md", columns=columns)
    assert line(text, "Method") == [
        "Accuracy, some right alone",
        "Share of test, some right alone",
    ]
    assert line(text, "x") == ["<u>75.0</u>", "50.0"] and line(text, "y") == ["**100.0**", "50.0"]
    assert line(text, "unimodal-m0") == [DASH, DASH]
    assert "Right alone: of the models that are trained on one modality each" in text
    assert "Right alone" not in render(collect(tmp_path), "md")


def test_a_file_of_answers_is_opened_once(tmp_path, monkeypatch):
    singles(tmp_path)
    for method in ("x", "y", "z"):
        joined(tmp_path, method=method)
    opened, load = Counter(), np.load

    def open_(file, **options):
        opened[file] += 1
        return load(file, **options)

    monkeypatch.setattr(predictions.np, "load", open_)
    render(collect(tmp_path), "csv", columns=("ece", *GROUPED))
    assert len(opened) == 5 and set(opened.values()) == {1}
