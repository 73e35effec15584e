"""What DGL claims: encoders that learn from their own losses alone, a head from the fused one."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench.methods import dgl as module
from bench.methods.dgl import DGL
from bench.types import Batch
from tests.helpers.small_task import batch_of, gradients, method_of
from tests.helpers.training import fit

FUSIONS = ["concat", "sum", "film", "gated"]
ABLATIONS = [(False, False), (True, False), (False, True), (True, True)]


def parts(found):
    """Gradients of the encoders, and of the head."""
    encoders = {k: g for k, g in found.items() if k.startswith("encoders.")}
    return encoders, {k: g for k, g in found.items() if k not in encoders}


def closely(found, expected, factor=1.0):
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, factor * expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("modalities", [2, 3])
def test_a_modality_alone_is_the_head_on_zeroed_features(modalities, fusion):
    method, batch = method_of(DGL, modalities, fusion), batch_of(modalities=modalities)
    with torch.no_grad():
        for p in method.head.parameters():
            p.add_(0.1)  # biases too
        out = method(batch)
        for m, u in out.unimodal.items():
            zeroed = {k: z if k == m else torch.zeros_like(z) for k, z in out.features.items()}
            others = getattr(method.head, "addends", {})  # whose biases are theirs
            rest = sum(head.bias for k, head in others.items() if k != m)
            torch.testing.assert_close(u, method.head(zeroed) - rest)


def test_a_concatenations_bias_is_whole_in_every_modality():
    method, batch = method_of(DGL, 3), batch_of(modalities=3)
    bias = nn.init.normal_(method.head.linear.bias, generator=torch.Generator().manual_seed(0))
    out = method(batch)
    torch.testing.assert_close(sum(out.unimodal.values()), out.logits + 2 * bias)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("modalities", [2, 3])
def test_encoders_get_their_own_loss_and_the_head_the_fused_one(modalities, fusion):
    batch = batch_of(modalities=modalities)
    encoders, head = parts(gradients(method_of(DGL, modalities, fusion, alpha=3.0), batch))
    plain = method_of(DGL, modalities, fusion)
    out = plain(batch)
    joint = torch.autograd.grad(
        cross_entropy(out.logits, batch.label), list(plain.head.parameters()), retain_graph=True
    )
    for name, gradient in zip(plain.head.state_dict(), joint, strict=True):
        torch.testing.assert_close(head[f"head.{name}"], gradient)
    for m, u in out.unimodal.items():
        own = dict(plain.encoders[m].named_parameters())
        loss = 3.0 * cross_entropy(u, batch.label)
        alone = torch.autograd.grad(loss, list(own.values()), retain_graph=True)
        closely(dict(zip(own, alone, strict=True)), {k: encoders[f"encoders.{m}.{k}"] for k in own})


def test_an_encoder_does_not_see_the_other_modalities():
    batch, other = batch_of(), batch_of(seed=1)
    changed = Batch(batch.inputs | {"m1": other.inputs["m1"]}, *rest(batch))
    here, there = (parts(gradients(method_of(DGL), b))[0] for b in (batch, changed))
    for name, gradient in here.items():
        assert torch.equal(gradient, there[name]) == name.startswith("encoders.m0."), name


def test_alpha_scales_the_encoders_gradient_and_nothing_of_the_head():
    batch = batch_of()
    encoders, head = parts(gradients(method_of(DGL, alpha=1.0), batch))
    others, same = parts(gradients(method_of(DGL, alpha=2.5), batch))
    closely(others, encoders, 2.5)
    assert head and all(torch.equal(same[k], g) for k, g in head.items())


def test_without_alpha_a_head_is_trained_on_encoders_that_rest():
    encoders, head = parts(gradients(method_of(DGL, alpha=0.0), batch_of()))
    assert not any(g.any() for g in encoders.values())
    assert all(g.any() for g in head.values())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_both_ablations_at_once_are_one_loss_that_reaches_everything(fusion):
    method, batch = method_of(DGL, fusion=fusion), batch_of()
    out = method(batch)
    alone = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
    (cross_entropy(out.logits, batch.label) + 4.0 * alone).backward()
    plain = {k: p.grad for k, p in method.named_parameters()}
    both = method_of(DGL, fusion=fusion, fused_to_encoder=True, uni_to_head=True)
    closely(gradients(both, batch), plain)


def test_an_ablation_changes_the_side_that_it_names():
    batch = batch_of()
    encoders, head = parts(gradients(method_of(DGL), batch))
    for to_encoder, to_head in ABLATIONS:
        method = method_of(DGL, fused_to_encoder=to_encoder, uni_to_head=to_head)
        ours, theirs = parts(gradients(method, batch))
        assert all(torch.equal(g, encoders[k]) != to_encoder for k, g in ours.items())
        assert all(torch.equal(g, head[k]) != to_head for k, g in theirs.items())


def test_the_whole_gradient_is_clipped(monkeypatch):
    batch = batch_of()
    whole = gradients(method_of(DGL), batch)
    norm = torch.cat([g.flatten() for g in whole.values()]).norm()
    monkeypatch.setattr(module, "CLIP", norm.item() / 2)
    closely(gradients(method_of(DGL), batch), whole, 0.5)


def test_a_batch_of_one_large_sample_has_finite_gradients():
    method, batch = method_of(DGL, 3).eval(), batch_of(1, modalities=3)  # no batch statistics
    large = Batch({m: 300 * x for m, x in batch.inputs.items()}, *rest(batch))
    assert all(g.isfinite().all() for g in gradients(method, large).values())


def rest(batch):
    return batch.label, batch.index, batch.keep


def accuracy_alone(name, **settings):
    """Of what is said on test of each modality alone, over two seeds: of the clear one, and of the
    one with much noise."""
    right = []
    for seed in range(2):
        trainer = fit(name, epochs=8, seed=seed, **settings)
        logits = trainer.at.kept["last"]["test"]["unimodal"].values()
        label = trainer.evaluation.test.source.labels
        right.append(torch.stack([(u.argmax(dim=1) == label).float().mean() for u in logits]))
    return torch.stack(right).mean(dim=0)


def test_no_modality_is_left_behind_where_another_answers_already():
    ours = accuracy_alone("dgl", alpha=1.0)
    joint = accuracy_alone("dgl-fused-to-encoder", alpha=0.0)
    assert ours[1] > joint[1] + 0.08 and ours[0] > joint[0]
