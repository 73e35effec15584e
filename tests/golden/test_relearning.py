"""Diagnosing & Re-learning: scaling, clusters, purity, strength, and what is pulled back."""

import pytest
import torch
from torch import nn

from bench.methods.relearning import kmeans, pull_back, purity, scaled, strengths
from tests.golden.files import close, nearly

FILE = "relearning.npz"
PARTS = ("train", "val")


def modalities_of(golden):
    return golden.names("features_", "_train")


@pytest.mark.parametrize("part", PARTS)
def test_scaled_features(golden, part):
    for m in modalities_of(golden):
        close(scaled(golden[f"features_{m}_{part}"]), golden[f"scaled_{m}_{part}"])


@pytest.mark.parametrize("part", PARTS)
def test_clusters_are_the_same_partition(golden, part):
    for m in modalities_of(golden):
        points, expected = golden.need(f"scaled_{m}_{part}", f"clusters_{m}_{part}")
        draw = torch.Generator().manual_seed(0)
        clusters = kmeans(points, golden["n_classes"].item(), draw)
        same = clusters[:, None] == clusters
        assert torch.equal(same, expected[:, None] == expected)


@pytest.mark.parametrize("part", PARTS)
def test_purity(golden, part):
    for m in modalities_of(golden):
        clusters, labels = golden.need(f"clusters_{m}_{part}", f"labels_{part}")
        close(purity(clusters, labels), golden[f"purity_{m}_{part}"])


@pytest.mark.parametrize("case", ["purity_case", "purity_gap"])
def test_purity_of_written_out_cases(golden, case):
    labels, clusters, value = golden.need(*(f"{case}_{k}" for k in ("labels", "clusters", "value")))
    close(purity(clusters, labels), value)


def test_purity_at_its_limits(golden):
    labels = golden["purity_case_labels"]
    close(purity(labels, labels), golden["purity_perfect"])
    close(purity(torch.zeros_like(labels), labels), golden["purity_one_cluster"])


def test_gaps_and_strengths(golden):
    names, weight = modalities_of(golden), golden["move_lambda"].item()
    train, val = (torch.stack([golden[f"purity_{m}_{p}"] for m in names]) for p in PARTS)
    expected = torch.stack([golden[f"gap_{m}"] for m in names])
    close((train - val).abs(), expected)
    ours = strengths(expected, weight)
    for suffix in ("", "_released_run"):
        close(
            torch.tensor(ours, dtype=torch.float64),
            torch.stack([golden[f"strength_{m}{suffix}"] for m in names]),
        )


class Encoder(nn.Module):
    """A convolution and a batch norm, with the weights of a prefix."""

    def __init__(self, golden, prefix):
        super().__init__()
        weight = golden[f"{prefix}.conv.weight"]
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:])
        self.bn = nn.BatchNorm2d(weight.shape[0])
        self.load_state_dict(golden.each(f"{prefix}.", list(self.state_dict())))


def test_parameters_move_and_batch_statistics_stay(golden):
    for net in golden.names("init.", ".conv.weight"):
        strength = golden[f"strength_{net.removesuffix('_net')}"].item()
        encoder, start = (Encoder(golden, f"{state}.{net}") for state in ("current", "init"))
        pull_back(encoder, start, strength)
        for key, value in encoder.state_dict().items():
            nearly(value, golden[f"after.{net}.{key}"])
