"""What Diagnosing & Re-learning claims: who is pulled back, how far, when, and what stays."""

import math

import pytest
import torch
from torch import nn

from bench.methods import relearning as module
from bench.methods.relearning import kmeans, lloyd, pull_back, purity, scaled, strengths
from bench.types import Clock
from tests.helpers.training import flat, spec_of, trainer_of

GENERATOR = torch.Generator()


def points_of(samples=60, width=3, clusters=4, seed=0):
    """Well separated clusters, and the cluster of each point."""
    draw = torch.Generator().manual_seed(seed)
    cluster = torch.arange(samples) % clusters
    centres = 10 * torch.randn(clusters, width, generator=draw, dtype=torch.float64)
    return centres[cluster] + torch.randn(samples, width, generator=draw) * 0.1, cluster


def test_purity_is_one_for_classes_and_the_largest_share_for_one_cluster():
    labels = torch.tensor([0, 2, 5, 5, 2, 5])  # with gaps
    assert purity(labels, labels) == 1
    assert purity(torch.zeros_like(labels), labels) == 0.5
    assert purity(torch.tensor([0, 0, 1, 1, 1, 1]), labels).item() == pytest.approx(4 / 6)


def test_purity_does_not_depend_on_the_clusters_names():
    draw = torch.Generator().manual_seed(0)
    labels, clusters = torch.randint(4, (2, 50), generator=draw)
    renamed = torch.tensor([7, 0, 3, 1])[clusters]
    assert purity(renamed, labels) == purity(clusters, labels) < 1


def test_k_means_finds_clusters_and_repeats_under_one_seed():
    points, truth = points_of()
    runs = [kmeans(points, 4, GENERATOR.manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    for clusters in runs:
        assert torch.equal(clusters[:, None] == clusters, truth[:, None] == truth)


def test_of_several_starts_the_tightest_wins():
    """Three of these four blobs lie together: a start that misses the fourth is twice too wide."""
    points, _ = points_of(samples=200, width=2, clusters=7, seed=3)
    tightest = inertia(points, kmeans(points, 7, GENERATOR.manual_seed(0)))
    for seed in range(20):
        draw = GENERATOR.manual_seed(seed)
        single, value = lloyd(points, module.spread(points, 7, draw))
        assert value >= tightest - 1e-9
        assert value.item() == pytest.approx(inertia(points, single).item())


def inertia(points, clusters):
    return sum(
        (points[clusters == c] - points[clusters == c].mean(dim=0)).square().sum()
        for c in clusters.unique()
    )


def test_fewer_distinct_points_than_classes_are_as_many_clusters():
    points = torch.tensor([[0.0], [1.0], [0.0], [1.0], [1.0]])
    clusters = kmeans(points, 5, GENERATOR.manual_seed(0))
    assert torch.equal(clusters[:, None] == clusters, points == points.T)


def test_a_factor_on_a_dimension_changes_nothing_and_a_constant_one_is_finite():
    features = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    factors = torch.tensor([1e-3, 1.0, 50.0], dtype=torch.float64)
    torch.testing.assert_close(scaled(features * factors + 4), scaled(features))
    features[:, 1] = 2.5
    out = scaled(features)
    assert out.isfinite().all() and out[:, 1].unique().numel() == 1
    assert out[:, 0].min() == -1 and out[:, 0].max() == 1


def test_without_a_gap_parameters_stay_and_with_an_endless_one_they_are_the_first_again():
    now, start = nn.Linear(3, 4), nn.Linear(3, 4)
    before, first = flat(now), flat(start)
    (nothing, half, all_) = strengths(torch.tensor([0.0, math.atanh(0.5), 1e6]), 1.0)
    pull_back(now, start, nothing)
    assert torch.equal(flat(now), before)
    pull_back(now, start, half)
    torch.testing.assert_close(flat(now), (before + first) / 2)
    pull_back(now, start, all_)
    assert torch.equal(flat(now), first)


def test_batch_statistics_and_the_parameter_objects_stay():
    encoder, start = (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)) for _ in range(2))
    encoder(torch.randn(4, 1, 5, 5))
    objects, statistics = list(encoder.parameters()), [b.clone() for b in encoder.buffers()]
    pull_back(encoder, start, 0.5)
    assert all(p is q for p, q in zip(encoder.parameters(), objects, strict=True))
    for b, before in zip(encoder.buffers(), statistics, strict=True):
        assert torch.equal(b, before)


def pulls_of(monkeypatch, epochs, **settings):
    """The epochs before which encoders are pulled, and how far, one per modality."""
    trainer = trainer_of(spec_of("relearning", epochs=epochs, **settings))
    pulls, at = {}, []
    start_epoch = trainer.plan[0].start_epoch
    real = module.pull_back

    def noted(encoder, start, weight):
        pulls.setdefault(at[-1], []).append(weight)
        real(encoder, start, weight)

    def hook(data, clock):
        at.append(clock.epoch)
        start_epoch(data, clock)

    monkeypatch.setattr(module, "pull_back", noted)
    object.__setattr__(trainer.plan[0], "start_epoch", hook)
    trainer.train()
    return pulls


def test_diagnoses_follow_the_epochs_that_the_period_says_and_end(monkeypatch):
    assert list(pulls_of(monkeypatch, 12, period=0.25)) == [4, 7, 10]
    assert list(pulls_of(monkeypatch, 12, period=0.25, times=2)) == [4, 7]
    assert list(pulls_of(monkeypatch, 12, period=1.0)) == []


def test_the_papers_epochs():
    config = module.Relearning.Config()
    period = config.epochs_between(90)
    assert [k * period + 1 for k in range(1, config.times + 1)] == [21, 41, 61]


def test_the_encoder_that_over_fits_more_is_pulled_back_further(monkeypatch):
    """The second modality is mostly noise: its clusters are pure where it was trained alone."""
    pulls = pulls_of(monkeypatch, 12, period=0.25)
    assert len(pulls) == 3
    assert all(0 <= clear < noisy < 1 for clear, noisy in pulls.values())


def diagnosed(monkeypatch, gaps, **settings):
    """A trainer after two epochs and a diagnosis that says these gaps; its state before it."""
    trainer = trainer_of(spec_of("relearning", epochs=8, period=0.125, **settings))
    method, data = trainer.method, trainer.data
    for batch in data:
        method.step(batch, trainer.optimizers["train"], Clock(0, 8, 0, 1))
    monkeypatch.setattr(method, "gaps", lambda *parts: torch.tensor(gaps))
    before = {k: v.clone() for k, v in method.state_dict().items()}
    optimizer = str(trainer.optimizers["train"].state_dict())
    method.start_epoch(data, Clock(2, 8, 0, 1))
    return trainer, before, optimizer


def test_head_and_optimizer_stay_and_each_encoder_lies_on_the_way_to_its_start(monkeypatch):
    trainer, before, optimizer = diagnosed(monkeypatch, [0.0, 0.2])
    method = trainer.method
    back = math.tanh(3 * 0.2)
    first = dict(method.task.encoder("m1").named_parameters())
    for key, value in method.state_dict().items():
        if not key.startswith("encoders.m1."):
            assert torch.equal(value, before[key]), key
        else:
            start = first[key.removeprefix("encoders.m1.")]
            expected = back * start + (1 - back) * before[key]
            torch.testing.assert_close(value, expected.detach())
    assert str(trainer.optimizers["train"].state_dict()) == optimizer


def test_what_it_goes_back_to_are_the_weights_before_the_first_step():
    method = trainer_of(spec_of("relearning", seed=4)).method
    for m in method.modalities:
        start = method.task.encoder(m)
        assert torch.equal(flat(start), flat(method.encoders[m]))
        assert not {id(p) for p in start.parameters()} & {id(p) for p in method.parameters()}


def test_diagnosis_looks_at_every_training_sample_once_and_at_no_other(monkeypatch):
    trainer = trainer_of(spec_of("relearning", epochs=8, period=0.125))
    seen, collect = [], module.collect

    def noted(method, forward, loader):
        seen.append(loader.index.tolist())
        return collect(method, forward, loader)

    monkeypatch.setattr(module, "collect", noted)
    trainer.method.start_epoch(trainer.data, Clock(2, 8, 0, 1))
    fit, held = seen
    assert sorted(fit + held) == list(range(203)) and len(held) == 20
    assert not set(torch.cat([b.index for b in trainer.data]).tolist()) & set(held)


def test_large_parts_are_clustered_on_a_sample(monkeypatch):
    monkeypatch.setattr(module, "SAMPLES", 12)
    sizes, real = [], module.kmeans
    monkeypatch.setattr(
        module, "kmeans", lambda points, *a: sizes.append(len(points)) or real(points, *a)
    )
    trainer = trainer_of(spec_of("relearning", epochs=8, period=0.125))
    trainer.method.start_epoch(trainer.data, Clock(2, 8, 0, 1))
    assert sizes == [12] * 4
