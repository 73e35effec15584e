"""Relative and effective robustness."""

import pytest
import torch

from bench.metrics import robustness
from tests.golden.files import close

FILE = "metrics_robustness.npz"
CURVES = {
    "relative_raw": robustness.area,
    "area_trapezoid": robustness.area,
    "relative_mean_ours": robustness.mean_performance,
    "relative_ours": robustness.kept_share,
}
# Generators of noise that do something else than they say; nothing here draws noise like them.
NOISE = ["audio_in", "audio_released_out", "audio_seed", "audio_zeroed_rows"]
NOISE += ["tab_in", "tab_released_swap"]
NOT_OURS = dict.fromkeys(NOISE, "a released generator of noise that is not used here")
NOT_OURS |= dict.fromkeys(
    ["relative_normalised", "effective_normalised"],
    "depends on which other methods are there",
)


@pytest.mark.parametrize("key", NOT_OURS)
def test_what_is_not_ours(golden, key):
    golden.need(key)
    pytest.skip(f"{key}: {NOT_OURS[key]}")


def relative(golden, metric):
    levels, curves = golden.need("noise_levels", "curves")
    return torch.tensor([metric(levels.numpy(), c) for c in curves.numpy()], dtype=torch.double)


def effective(golden):
    """The first curve is late fusion's."""
    reference, *_ = curves = golden["curves"].numpy()
    return torch.tensor([robustness.effective(c, reference) for c in curves], dtype=torch.double)


@pytest.mark.parametrize("key", CURVES)
def test_relative_robustness(golden, key):
    close(relative(golden, CURVES[key]), golden[key])


def test_effective_robustness(golden):
    close(effective(golden), golden["effective_ours"])


def test_the_released_sum_is_our_mean_times_the_levels(golden):
    close(effective(golden) * len(golden["noise_levels"]), golden["effective_raw"])
