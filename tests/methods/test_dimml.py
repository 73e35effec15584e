"""What DI-MML claims: detached encoders, dimensions that teach, certainty weights."""

from dataclasses import replace
from math import log

import pytest
import torch
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.dimml import (
    DIMML,
    certainty_weights,
    class_centroids,
    duc_loss,
    effective_dimensions,
    hit_rates,
)
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.benchmarks import dimension_selection
from tests.helpers.reference_dimml import hits

CLASSES, WIDTH = 3, 8
SHAPES = {"m0": (6,), "m1": (4,), "m2": (5,)}
BEFORE, FIRST, LATER = (Clock(epoch, 150, 0, 1) for epoch in (19, 20, 21))


def dimml(modalities=("m0", "m1"), **settings):
    kinds = {m: Modality("vector", SHAPES[m]) for m in modalities}
    task = Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(dim=WIDTH), 0)
    return DIMML(task, DIMML.Config(**settings)).train()


def batch_of(size=6, modalities=("m0", "m1"), seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = {m: torch.randn(size, *s, generator=generator) for m, s in SHAPES.items()}
    label = torch.randint(CLASSES, (size,), generator=generator)
    keep = torch.ones(size, len(modalities), dtype=torch.bool)
    return Batch({m: inputs[m] for m in modalities}, label, torch.arange(size), keep)


class Ordered:
    """Stands in for the training data."""

    def __init__(self, *batches):
        self.batches = batches

    def ordered(self):
        return self.batches


def gradients(method, batch, clock):
    """name -> gradient of one step of stage 1; the weights stay."""
    method.detached_step(batch, SGD(method.parameters(), lr=0.0), clock)
    return {k: p.grad for k, p in method.named_parameters()}


def features_of(modalities, size=5, width=WIDTH, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    drawn = scale * torch.randn(modalities, size, width, generator=generator, dtype=torch.float64)
    return [z.requires_grad_() for z in drawn]


def taught_of(effective):
    """S_(t->s) of effective sets [M][D]."""
    known = torch.tensor(effective, dtype=torch.bool)
    return known[:, None] & ~known[None]


def test_centroids_are_class_means_and_absent_classes_have_none():
    features = torch.tensor([[1.0, 0.0], [3.0, 4.0], [5.0, 5.0]])
    found = class_centroids(features, torch.tensor([2, 2, 0]), 4)
    assert torch.equal(found[[0, 2]], torch.tensor([[5.0, 5.0], [2.0, 2.0]]))
    assert found[[1, 3]].isnan().all()


def drawn_case(seed):
    """Features full of ties (small whole numbers), or real ones; labels may miss classes."""
    generator = torch.Generator().manual_seed(seed)

    def below(high):
        return int(torch.randint(1, high + 1, (), generator=generator))

    samples, width, classes = below(40), below(6), below(7)
    dtype = torch.float64 if seed % 2 else torch.float32
    labels = torch.randint(below(classes), (samples,), generator=generator)
    if seed % 3 == 0:
        return torch.randn(samples, width, generator=generator, dtype=dtype), labels, classes
    span = below(4)
    features = torch.randint(-span, span + 1, (samples, width), generator=generator).to(dtype)
    if seed % 3 == 1:
        features[:, 0] = 2.0  # dead: all centroids are the same
    return features, labels, classes


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_hit_rates_are_the_naive_argmins(chunk):
    for seed in range(400):
        features, labels, classes = drawn_case(seed)
        counts = hit_rates(features, labels, classes, chunk) * len(features)
        expected = hits(features, labels, classes).double()
        torch.testing.assert_close(counts, expected, rtol=0, atol=1e-3, msg=f"case {seed}")


def test_a_tie_goes_to_the_lowest_class():
    # Centroids 1 and 3 of classes 1 and 0: the samples at 2 are halfway, and count as class 0's.
    features = torch.tensor([[0.0], [2.0], [2.0], [4.0]])
    labels = torch.tensor([1, 1, 0, 0])
    assert hit_rates(features, labels, 2).item() == 3 / 4
    assert hit_rates(features, 1 - labels, 2).item() == 3 / 4


def test_equal_centroids_count_as_the_lowest_class():
    features = torch.ones(5, 1)
    labels = torch.tensor([2, 2, 2, 1, 1])
    assert hit_rates(features, labels, 4).item() == pytest.approx(2 / 5)


def test_a_feature_that_is_the_label_is_effective_and_noise_is_not():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (300,), generator=generator)
    noise = torch.randn(300, 4, generator=generator)
    rates = hit_rates(torch.cat([labels[:, None].float(), noise], dim=1), labels, CLASSES)
    assert rates[0] == 1 and (rates[1:] < 0.6).all()
    assert effective_dimensions(rates).tolist() == [True] + 4 * [False]


def test_effective_is_strictly_above_the_mean():
    assert effective_dimensions(torch.tensor([0.25, 0.5, 0.75])).tolist() == [False, False, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_dimension_at_the_mean_is_not_effective_whatever_the_rounding(dtype):
    for samples, width in ((7, 5), (60, 7), (203, 64), (1000, 512)):
        for count in range(1, min(samples, 30)):
            rates = torch.full((width,), count).to(dtype) / samples
            assert not effective_dimensions(rates).any(), (samples, width, count)


def test_dimensions_are_chosen_once_just_before_duc_starts_from_the_whole_split():
    method = dimml()
    parts = [batch_of(20, seed=1), batch_of(13, seed=2)]
    for clock in (Clock(0, 150, 0, 1), BEFORE, LATER):
        method.select_dimensions(Ordered(*parts), clock)
        assert not method.effective.any()
    method.select_dimensions(Ordered(*parts), FIRST)
    labels = torch.cat([b.label for b in parts])
    for i, m in enumerate(method.modalities):
        z = torch.cat([method.feature(b, m) for b in parts]).detach()
        rates = hit_rates(z, labels, CLASSES)
        assert torch.equal(method.effective[i], rates > rates.mean())
    assert method.training and method.effective.any()


def test_all_dimensions_teach_where_that_is_set():
    method = dimml(duc_dims="all")
    method.select_dimensions(None, FIRST)  # looks at no data
    assert method.taught_dimensions().shape == (2, 2, WIDTH) and method.taught_dimensions().all()


def test_three_modalities_average_over_a_students_teachers():
    features = features_of(3)
    taught = taught_of([[d % 3 == i for d in range(WIDTH)] for i in range(3)])
    total = duc_loss(features, taught, 2.0, detach=True)
    pairs = [(0, 1), (0, 2), (1, 2)]
    two = [
        duc_loss([features[i] for i in p], taught[list(p)][:, list(p)], 2.0, True) for p in pairs
    ]
    torch.testing.assert_close(total, sum(two) / 2, rtol=1e-12, atol=0)


def test_only_the_student_moves_and_only_along_the_taught_dimensions():
    student, teacher = features_of(2)
    taught = torch.zeros(2, 2, WIDTH, dtype=torch.bool)
    taught[1, 0, [2, 5]] = True
    duc_loss([student, teacher], taught, 1.0, detach=True).backward()
    assert not teacher.grad.any()
    assert student.grad.any(dim=0).nonzero()[:, 0].tolist() == [2, 5]


def test_without_detaching_the_teacher_moves_too():
    student, teacher = features_of(2)
    taught = torch.zeros(2, 2, WIDTH, dtype=torch.bool)
    taught[1, 0, [2, 5]] = True
    duc_loss([student, teacher], taught, 1.0, detach=False).backward()
    assert teacher.grad.any(dim=0).nonzero()[:, 0].tolist() == [2, 5]


@pytest.mark.parametrize("modalities", [2, 3])
def test_no_dimensions_give_the_logarithm_of_the_batch_and_no_gradient(modalities):
    features = features_of(modalities, size=7)
    loss = duc_loss(features, taught_of(modalities * [[True] * WIDTH]), 1.0, detach=True)
    loss.backward()
    assert loss.item() == pytest.approx(modalities * log(7), rel=1e-12)
    assert not any(z.grad.any() for z in features)


def test_a_batch_of_one_sample_has_no_loss_and_no_gradient():
    features = features_of(2, size=1)
    loss = duc_loss(features, torch.ones(2, 2, WIDTH, dtype=torch.bool), 1.0, detach=True)
    loss.backward()
    assert loss == 0 and not any(z.grad.any() for z in features)


@pytest.mark.parametrize("scale", [40, 1e4])
def test_large_features_give_a_finite_loss(scale):
    features = [z.detach().float().requires_grad_() for z in features_of(2, scale=scale)]
    loss = duc_loss(features, torch.ones(2, 2, WIDTH, dtype=torch.bool), 0.1, detach=True)
    loss.backward()
    assert loss.isfinite() and all(z.grad.isfinite().all() for z in features)


def test_the_order_of_modalities_does_not_matter_to_the_loss():
    features = features_of(3)
    taught = taught_of([[d % (i + 2) == 0 for d in range(WIDTH)] for i in range(3)])
    order = [2, 0, 1]
    found = duc_loss([features[i] for i in order], taught[order][:, order], 2.0, True)
    torch.testing.assert_close(found, duc_loss(features, taught, 2.0, True), rtol=1e-12, atol=0)


def test_without_duc_an_encoders_gradient_does_not_see_the_other_modality():
    batch = batch_of()
    other = replace(batch, inputs=batch.inputs | {"m1": torch.randn(6, 4) * 9})
    first, second = (gradients(dimml(), b, BEFORE) for b in (batch, other))
    for name in (k for k, g in first.items() if g is not None):
        untouched = name.startswith(("encoders.m0", "own.m0"))
        assert torch.equal(first[name], second[name]) == untouched, name


def test_duc_reaches_the_students_encoder_alone():
    batch, method = batch_of(), dimml()
    plain = {k: g.clone() for k, g in gradients(method, batch, BEFORE).items() if g is not None}
    method.effective[0] = True  # m0 teaches m1
    taught = gradients(method, batch, FIRST)
    for name, before in plain.items():
        assert torch.equal(before, taught[name]) != name.startswith("encoders.m1"), name


def test_stage_1_leaves_the_fusion_head_without_gradient():
    found = gradients(dimml(), batch_of(), FIRST)
    assert {k for k, g in found.items() if g is None} == {"head.linear.weight", "head.linear.bias"}


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("clock", [BEFORE, FIRST])
def test_any_size_of_batch_gives_finite_gradients(size, clock):
    method = dimml(("m0", "m1", "m2"))
    method.effective[0] = True
    found = gradients(method, batch_of(size, method.modalities), clock)
    assert all(g.isfinite().all() for g in found.values() if g is not None)


def heads_of(seed=0, heads=3, size=5):
    return torch.randn(heads, size, CLASSES, generator=torch.Generator().manual_seed(seed))


def test_certainty_weights_sum_to_one_and_favour_the_surest_head():
    weights = certainty_weights(heads_of(), 0.1)
    surest = heads_of().softmax(dim=2).amax(dim=2).argmax(dim=0)
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(5))
    assert torch.equal(weights.argmax(dim=0), surest)


def test_a_high_temperature_answers_with_the_plain_mean():
    batch = batch_of()
    heads = dimml(answer="mean").predict(batch).logits
    torch.testing.assert_close(dimml(certainty_temperature=1e8).predict(batch).logits, heads)
    assert not torch.allclose(dimml(certainty_temperature=0.1).predict(batch).logits, heads)


def test_the_answers_are_the_mean_of_all_heads_and_the_fusion_head_alone():
    batch, method = batch_of(), dimml(answer="mean")
    features = method.encode(batch)
    fused = method.head(features)
    own = [method.own[m](z) for m, z in features.items()]
    expected = torch.stack([*own, fused]).mean(dim=0)
    torch.testing.assert_close(method.predict(batch).logits, expected)
    assert torch.equal(dimml(answer="fused").predict(batch).logits, fused)


def test_stage_1_answers_with_the_mean_of_the_private_heads():
    batch, method = batch_of(), dimml()
    own = [method.own[m](z) for m, z in method.encode(batch).items()]
    torch.testing.assert_close(method.heads_alone(batch).logits, sum(own) / 2)


def test_the_order_of_modalities_does_not_matter_to_the_answer():
    one, other = dimml(("m0", "m1", "m2")), dimml(("m2", "m0", "m1"))
    blocks = dict(zip(one.modalities, one.head.linear.weight.split(WIDTH, dim=1), strict=True))
    with torch.no_grad():
        other.head.linear.weight.copy_(torch.cat([blocks[m] for m in other.modalities], dim=1))
    answers = [m.predict(batch_of(modalities=m.modalities)).logits for m in (one, other)]
    torch.testing.assert_close(*answers)


def test_the_selection_needs_little_memory_at_the_size_of_ucf101():
    _, _, mib = dimension_selection.measure(hit_rates, 1)
    assert mib < 200  # the plain form takes 3,766
