"""What late fusion controls for: the ensemble's network, trained as one answer."""

import pytest
import torch

from bench.methods.ensemble import Ensemble
from bench.methods.joint import Joint
from bench.methods.late import Late
from tests.helpers.small_task import batch_of, gradients, method_of


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_it_is_joint_training_with_the_fusion_sum(modalities):
    batch = batch_of(modalities=modalities)
    late, joint = method_of(Late, modalities, "film"), method_of(Joint, modalities, "sum")
    joint.head.heads.load_state_dict(late.head.state_dict())
    ours, theirs = gradients(late, batch), gradients(joint, batch)
    assert list(ours) == [name.replace("head.heads.", "head.") for name in theirs]
    assert all(map(torch.equal, ours.values(), theirs.values()))


def test_it_starts_from_the_ensembles_network_and_ranks_classes_alike():
    late, ensemble = method_of(Late, 3, "concat"), method_of(Ensemble, 3, "concat")
    for p, q in zip(late.parameters(), ensemble.parameters(), strict=True):
        assert torch.equal(p, q)
    batch = batch_of(modalities=3)
    ours, theirs = late(batch), ensemble(batch)
    torch.testing.assert_close(ours.logits, 3 * theirs.logits)


def test_the_shares_sum_to_the_answer():
    out = method_of(Late, 3)(batch_of(modalities=3))
    torch.testing.assert_close(sum(out.unimodal.values()), out.logits)
