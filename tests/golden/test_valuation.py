"""Valuation: contributions, copies at both levels, and how many. What other code counts without the
number of modalities (`m3_contribution_unscaled`) and other rates (`rate_tanh`, `rate_square`) are
not ours."""

import torch

from bench.methods.valuation import amounts, benefits, copies, shapley, with_copies
from bench.networks.fusion import ConcatHead
from tests.golden.files import close

FILE = "valuation.npz"


def contributions(golden, prefix=""):
    """phi [M, N] of the file's features and head, and the modalities' names."""
    names = golden.names(f"{prefix}features_")
    features = golden.each(f"{prefix}features_", names)
    weight, bias, label = golden.need(f"{prefix}weight", "bias", "labels")
    head = ConcatHead({m: z.shape[1] for m, z in features.items()}, len(bias), "").double()
    head.linear.load_state_dict({"weight": weight, "bias": bias})
    return shapley(benefits(head, features, label)), names


def test_contributions(golden):
    phi, _ = contributions(golden)
    close(phi.T, golden["contribution"])
    close(phi.mean(dim=1), golden["mean_contribution"])


def test_contributions_of_three(golden):
    phi, _ = contributions(golden, "m3_")
    close(phi.T, golden["m3_contribution"])
    assert torch.equal(copies(phi).T, golden["m3_copies"])


def test_copies(golden):
    phi, _ = contributions(golden)
    assert torch.equal(copies(phi).T, golden["copies"])
    index, keep = with_copies(torch.arange(phi.shape[1]), copies(phi))
    assert torch.equal(index, golden["sample_index"])
    assert torch.equal(dropped(keep), golden["sample_drop"])


def dropped(keep):
    """The file's code of what is zeroed: the sum of 2^i over the places of the modalities."""
    return (~keep * 2 ** torch.arange(keep.shape[1])).sum(dim=1)


def test_amounts(golden):
    phi, names = contributions(golden)
    subset, index, drop = golden.need("subset", "modality_index", "modality_drop")
    gap = 1 - phi[:, subset].mean(dim=1)
    close(1 - gap, golden["subset_contribution"])
    for key in ("resample_rate", "rate_linear"):
        close(2 / 3 * (gap.max() - gap.min()), golden[key])
    codes = dropped(torch.eye(len(names), dtype=torch.bool))
    added = torch.stack([index[drop == c].bincount(minlength=phi.shape[1]) for c in codes])
    assert added.sum(dim=1).tolist() == amounts(gap, 1.0, phi.shape[1])
