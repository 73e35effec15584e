"""Presets: known names, values that fit, and who wins over whom."""

from dataclasses import fields

import pytest

from bench import configure, datasets, methods, presets
from bench.config.settings import build
from bench.config.spec import NetworkConfig, TrainConfig
from bench.errors import UserError
from bench.registry import load, lookup
from tests.helpers.experiments import experiment

PAIRS = [
    (preset, method, dataset)
    for preset in presets.names()
    for method, known in presets.read(preset).items()
    for dataset in known
]


@pytest.mark.parametrize(("preset", "method", "dataset"), PAIRS)
def test_every_preset_fits_its_method_and_recipe(preset, method, dataset):
    entry = lookup(methods.ENTRIES, method, "method")
    parts = presets.parts(preset, entry, dataset)
    assert set(presets.read(preset)[method][dataset]) <= set(presets.PARTS)
    assert not set(parts["settings"]) & set(entry.settings)
    config = build(load(entry.target).Config, {**entry.settings, **parts["settings"]}, method)
    train = build(TrainConfig, parts["train"], "the recipe")
    build(NetworkConfig, parts["network"], "the network")
    assert not set(parts["settings"]) & set(config.idle(train.epochs))
    assert not set(parts["train"]) & set(train.idle(train.epochs))
    adapter = load(lookup(datasets.ENTRIES, dataset, "data set").target)
    assert set(parts["data"]) <= {f.name for f in fields(adapter.Config)}


def test_the_papers_schedule_is_in_whole_epochs():
    train = build(TrainConfig, presets.read("paper")["dimml"]["cremad"]["train"], "the recipe")
    assert round(train.lr_step * train.epochs) == 70
    config = load("bench.methods.dimml:DIMML").Config()
    assert config.first_duc_epoch(train.epochs) == 20
    assert round(config.fusion_epochs * train.epochs) == 20


def specs_with(monkeypatch, content, *names, **options):
    dataset = experiment("joint").datasets[0]
    made = {m: {dataset: parts} for m, parts in content.items()}
    monkeypatch.setattr(presets, "read", lambda name: made)
    from dataclasses import replace

    return configure.specs(replace(experiment(*names, **options), preset="made"))


def test_a_setting_wins_over_a_preset_and_a_preset_over_the_recipe(monkeypatch):
    content = {
        "dimml": {
            "settings": {"temperature": 7, "shared_weight": 0.5},
            "train": {"lr": 0.3, "epochs": 9},
            "data": {"modalities": 3},
        }
    }
    dimml, joint = specs_with(
        monkeypatch, content, "dimml", "joint", sets=["temperature=3", "train.epochs=5"]
    )
    assert (dimml.settings["temperature"], dimml.settings["shared_weight"]) == (3.0, 0.5)
    assert (dimml.train.lr, dimml.train.epochs) == (0.3, 5)
    assert dimml.data["modalities"] == 3
    assert (joint.train.lr, joint.train.epochs) == (TrainConfig.lr, 5)
    assert joint.data["modalities"] == 2


def test_an_ablation_takes_the_preset_of_its_whole_method_as_far_as_it_can_act(monkeypatch):
    content = {"dimml": {"settings": {"temperature": 7, "certainty_temperature": 3}}}
    mean, no_duc = specs_with(monkeypatch, content, "dimml-no-clw", "dimml-no-duc")
    default = load("bench.methods.dimml:DIMML").Config()
    assert mean.settings["temperature"] == 7.0
    assert mean.settings["certainty_temperature"] == default.certainty_temperature
    assert no_duc.settings["temperature"] == default.temperature
    assert no_duc.settings["certainty_temperature"] == 3.0


def test_a_preset_that_says_nothing_of_what_is_asked_for_is_refused():
    from dataclasses import replace

    with pytest.raises(UserError, match=r"'paper' says nothing of joint on tests\.helpers"):
        configure.specs(replace(experiment("joint"), preset="paper"))
    with pytest.raises(UserError, match=r"'papr' is not a preset; .* Did you mean 'paper'\?"):
        configure.specs(replace(experiment("joint"), preset="papr"))
