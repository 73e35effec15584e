"""Encoders trained alone: they are `unimodal`'s, rest while a fusion learns, or learn on."""

import pytest
import torch
from torch.optim import SGD

from bench.methods.pretrained import Pretrained
from bench.training.trainer import set_modes
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import fit, flat

FROZEN, FINETUNED = "pretrained-frozen", "pretrained-finetuned"


@pytest.mark.parametrize("split", ["clean", "literature"])
def test_frozen_encoders_are_what_unimodal_trains_and_selects(split):
    method = fit(FROZEN, epochs=3, split=split).method
    for m in method.modalities:
        alone = fit(f"unimodal-{m}", epochs=3, split=split).method
        assert torch.equal(flat(method.encoders[m]), flat(alone.encoders[m]))
        assert torch.equal(flat(method.own[m]), flat(alone.head[m]))


@pytest.mark.parametrize("name", [FROZEN, FINETUNED])
def test_the_last_stage_moves_the_fusion_and_encoders_only_to_fine_tune_them(name):
    """Batch statistics, too: m1 has convolutions."""
    method, batch = method_of(Pretrained, frozen=name == FROZEN), batch_of()
    stage = method.stages(4)[-1]
    set_modes(method, stage)
    parts = {p: getattr(method, p) for p in ("encoders", "own", "head")}
    before = {p: {k: v.clone() for k, v in m.state_dict().items()} for p, m in parts.items()}
    stage.step(batch, SGD(stage.parameters(), lr=0.1), FIRST)
    moved = {
        p
        for p, module in parts.items()
        if not all(torch.equal(v, before[p][k]) for k, v in module.state_dict().items())
    }
    assert moved == ({"head"} if name == FROZEN else {"head", "encoders"})


@pytest.mark.parametrize("name", [FROZEN, FINETUNED])
def test_the_noisier_modality_has_learnt_more_than_beside_the_clearer_one(name):
    """m1's share of the answer by itself; without first stages that is joint training's."""
    shares = [
        fit(row, epochs=8, split="literature", seed=1).at.kept["last"]["test"]["unimodal_accuracy"]
        for row in (name, "joint")
    ]
    assert shares[0]["m1"] > shares[1]["m1"] + 0.08
