"""What the token baseline claims: modalities meet in attention, where an additive head fails."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from bench.methods.late import Late
from bench.methods.simbamm import LAYERS, SimBaMM
from bench.types import Batch
from tests.helpers.small_task import KINDS, batch_of, method_of


@pytest.mark.parametrize("modalities", [1, 2, 3])
def test_tokens_of_equal_features_and_projections_are_in_no_order(modalities):
    method = method_of(SimBaMM, modalities).eval()
    batch = batch_of(modalities=modalities)
    head, features = method.head, method.encode(batch)
    turned = dict(reversed(head.tokens.items()))
    whole = head(features)
    head.tokens.clear()
    head.tokens.update(turned)
    assert list(head.tokens) == list(features)[::-1]
    torch.testing.assert_close(head(features), whole, rtol=1e-4, atol=1e-6)


def parity(size=256):
    """Batches whose label is whether the signs of two modalities agree, which neither tells."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (size, 2), generator=generator)
    inputs = {
        m: (2.0 * signs[:, i] - 1).view(-1, *[1] * len(KINDS[m].shape)).expand(-1, *KINDS[m].shape)
        for i, m in enumerate(("m0", "m1"))
    }
    keep = torch.ones(size, 2, dtype=torch.bool)
    return Batch(inputs, (signs[:, 0] == signs[:, 1]).long(), torch.arange(size), keep)


def accuracy_on_parity(method):
    batch, optimizer = parity(), Adam(method.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        cross_entropy(method(batch).logits, batch.label).backward()
        optimizer.step()
    return (method(batch).logits.argmax(dim=1) == batch.label).float().mean()


def test_it_learns_what_only_two_modalities_together_tell_and_a_sum_does_not():
    assert accuracy_on_parity(method_of(SimBaMM)) == 1
    assert accuracy_on_parity(method_of(Late)) < 0.8
    alone = method_of(SimBaMM)
    del alone.head.layers[:LAYERS]
    assert accuracy_on_parity(alone) < 0.8
