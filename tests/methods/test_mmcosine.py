"""What MMCosine claims: directions alone count, whatever the lengths of features and weights."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.errors import UserError
from bench.methods.joint import Joint
from bench.methods.mmcosine import CosineHead, MMCosine
from bench.networks.task import Task
from bench.types import Batch, DatasetSpec
from tests.helpers.small_task import FIRST, KINDS, batch_of, gradients, method_of
from tests.helpers.training import spec_of

CLASSES, SCALE = 4, 7.0
DIMS = {"m0": 3, "m1": 6, "m2": 2}


def head_and_features(seed=0):
    draw = torch.Generator().manual_seed(seed)
    kinds = {"generator": draw, "dtype": torch.float64}
    head = CosineHead({m: torch.randn(CLASSES, d, **kinds) for m, d in DIMS.items()}, SCALE)
    return head, {m: torch.randn(5, d, **kinds).requires_grad_() for m, d in DIMS.items()}


def test_lengths_of_features_and_of_class_weights_change_nothing():
    head, features = head_and_features()
    logits = head(features)
    lengths = torch.tensor([[0.1], [3.0], [1.0], [40.0], [2.0]], dtype=torch.float64)
    torch.testing.assert_close(head(features | {"m1": lengths * features["m1"]}), logits)
    with torch.no_grad():
        head.weights["m2"].mul_(torch.tensor([[5.0], [0.2], [1.0], [90.0]]))
    torch.testing.assert_close(head(features), logits)


def test_no_modality_can_say_more_than_the_scale():
    head, features = head_and_features()
    with torch.no_grad():
        features["m0"][0] = 100 * head.weights["m0"][2]  # one class's direction
    shares = torch.stack(list(head.contributions(features).values()))
    assert shares.abs().max().item() == pytest.approx(SCALE)
    torch.testing.assert_close(shares.sum(dim=0), head(features))


def test_gradients_only_turn():
    head, features = head_and_features()
    cross_entropy(head(features), torch.tensor([0, 1, 2, 3, 0])).backward()
    for m, w in head.weights.items():
        for x in (features[m], w):
            along = (x.detach() * x.grad).sum(dim=1)
            assert x.grad.any()
            torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-12)


def test_a_feature_of_zeros_contributes_zero_and_breaks_nothing():
    head, features = head_and_features()
    features["m1"] = torch.zeros_like(features["m1"], requires_grad=True)
    assert not head.contributions(features)["m1"].any()
    cross_entropy(head(features), torch.tensor([0, 1, 2, 3, 0])).backward()
    assert all(x.grad.isfinite().all() for x in (*features.values(), *head.parameters()))


def test_the_order_of_modalities_does_not_matter():
    head, features = head_and_features()
    other = CosineHead({m: head.weights[m] for m in ("m2", "m0", "m1")}, SCALE)
    torch.testing.assert_close(other(features), head(features))


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_the_head_starts_as_the_fusion_without_its_biases(fusion, modalities):
    method = method_of(MMCosine, modalities, fusion)
    blocks = method_of(Joint, modalities, fusion).head.blocks()
    assert {k for k, _ in method.head.named_parameters()} == {f"weights.{m}" for m in blocks}
    assert all(torch.equal(method.head.weights[m], w) for m, w in blocks.items())
    batch = batch_of(modalities=modalities)
    assert all(g.any() for g in gradients(method, batch).values())
    method.eval()
    out = method.predict(batch)
    assert torch.equal(out.logits, method.head(method.encode(batch)))


def test_fusions_without_blocks_are_refused():
    with pytest.raises(UserError, match=r"mmcosine needs a fusion .* not 'film'"):
        spec_of("mmcosine", network={"fusion": "film"})


def alone(cls, length):
    """Accuracy of the second modality's own share, after training in which the first, as good as
    the other, has inputs of that length."""
    draw, label = torch.Generator().manual_seed(0), torch.arange(120) % 3
    inputs = {m: noisy_classes(label, KINDS[m].shape, draw) for m in ("m0", "m2")}
    inputs["m0"] *= length
    kinds = {m: KINDS[m] for m in inputs}
    method = cls(Task(DatasetSpec("toy", 3, kinds), NetworkConfig(dim=8), 0), cls.Config())
    optimizer = SGD(method.parameters(), lr=0.05)
    batch = Batch(inputs, label, label, torch.ones(120, 2, dtype=torch.bool))
    for _ in range(60):
        method.step(batch, optimizer, FIRST)
    return (method(batch).unimodal["m2"].argmax(dim=1) == label).float().mean().item()


def noisy_classes(label, shape, draw):
    centres = torch.randn(3, *shape, generator=draw)
    return centres[label] + 0.5 * torch.randn(len(label), *shape, generator=draw)


def test_a_modality_with_long_features_does_not_keep_the_other_from_learning():
    assert alone(MMCosine, length=10) > 0.85
    assert alone(Joint, length=10) < 0.65
