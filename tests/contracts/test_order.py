"""The order in which a data set names its modalities is nothing that a method may live by.

Modalities are swapped while each keeps its samples, its encoder and its block of the head:
what is trained must be the same network, up to the rounding of sums.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.methods import ENTRIES
from bench.networks.fusion import ConcatHead
from tests.helpers.training import rows, spec_of, trainer_of

SWAPPED = "tests.helpers.synthetic:Swapped"
# What goes by place on purpose: a search tries one encoder after another, boosting fits a modality
# to what those before it leave, and the released code pulls the first one more.
PLACED = {"joint-lr", "reconboost", "reconboost-released", "inforeg-released"}
# What is the same for every place but not under one seed: turns, gates that start from one matrix,
# and draws.
TURNS = {"mla", "mla-no-projection", "aug", "aug-no-growth", "aug-released"}
GATES = {"greedy", "greedy-random", "greedy-never"}
DRAWS = {"ogm_ge", "amss", "amss-plus", "amss-released", "opm", "opm-no-rescaling"} | {
    *("cml", "cml-released", "remix", "remix-interleave", "remix-skip"),
    *("relearning", "valuation-sample", "valuation-modality"),
}
# What begins after some epochs: so many are trained, at a rate at which rounding stays small.
LATE = {
    **dict.fromkeys(("arl", "arl-released", "amco", "g2d", "smp", "mses", "lfm", "lfm-lb"), 4),
    **dict.fromkeys(("inforeg", "inforeg-uni", "gblend", "gblend-offline"), 4),
    **dict.fromkeys(("amco-no-masks", "valuation-sample", "relearning"), 4),
    **dict.fromkeys(("mslr", "mslr-dynamic"), 7),
    **dict.fromkeys(("pmr", "pmr-released"), 11),
}
ALIKE = [name for name in rows() if not name.startswith("unimodal")]
EXACT = [name for name in ALIKE if name not in TURNS | DRAWS | GATES | PLACED]
FORMS = {entry.name for entry in ENTRIES if entry.base}
QUICK_FIRST = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in FORMS), id=name) for name in EXACT
]
SEEDS = range(8)


def trained(spec, start=None):
    """What it says on test in the end, and the state that it began with."""
    trainer = trainer_of(spec)
    if start is not None:
        ours = trainer.method.state_dict()
        same = {k: v for k, v in start.items() if v.shape == ours[k].shape}
        trainer.method.load_state_dict(ours | same)
        swap_blocks(trainer.method)
    start = {k: v.clone() for k, v in trainer.method.state_dict().items()}
    return trainer.train().kept["last"]["test"], start


def idle(spec, epochs):
    """The settings that have no effect in so many epochs."""
    return set(trainer_of(spec).method.config.idle(epochs))


def swap_blocks(method):
    for module in method.modules():
        if isinstance(module, ConcatHead):
            weight = module.linear.weight.data
            weight.copy_(weight.roll(weight.shape[1] // 2, dims=1))


@pytest.mark.parametrize("name", QUICK_FIRST)
def test_swapped_modalities_train_the_same_network(name):
    late = {"epochs": LATE[name], "train": {"lr": 0.01}} if name in LATE else {"epochs": 1}
    spec = spec_of(name, network={"dim": 8}, **late)
    assert idle(spec, spec.train.epochs) == idle(spec, 100)
    ours, start = trained(spec)
    swapped, _ = trained(replace(spec, dataset=SWAPPED), start)
    torch.testing.assert_close(swapped["logits"], ours["logits"], rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TURNS | DRAWS | GATES))
def test_no_place_is_better_than_another(name):
    """Over seeds: what the first place adds to a modality's accuracy."""
    gains = []
    for seed in SEEDS:
        spec = spec_of(name, seed=seed, epochs=LATE.get(name, 2), network={"dim": 8})
        leads = [
            trained(replace(spec, dataset=dataset))[0]["unimodal_accuracy"]
            for dataset in (spec.dataset, SWAPPED)
        ]
        gains.append(sum(s * (a["m0"] - a["m1"]) for s, a in zip((1, -1), leads, strict=True)) / 2)
    error = np.std(gains, ddof=1) / np.sqrt(len(SEEDS))
    print(f"{name}: {100 * np.mean(gains):.1f} +- {100 * error:.1f}")
    assert abs(np.mean(gains)) < 4 * error
