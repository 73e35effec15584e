"""Areas under curves of imperfection."""

import numpy as np
import pytest

from bench.metrics import robustness

LEVELS = np.arange(11) / 10
FALLING = np.linspace(0.9, 0.3, 11)


def test_what_never_falls_keeps_all():
    flat = np.full(11, 0.8)
    assert robustness.mean_performance(LEVELS, flat) == pytest.approx(0.8)
    assert robustness.kept_share(LEVELS, flat) == pytest.approx(1)


def test_the_area_is_the_trapezoids():
    assert robustness.area(LEVELS, FALLING) == pytest.approx(0.6)
    assert robustness.area(LEVELS[:6], FALLING[:6]) == pytest.approx(0.5 * (0.9 + 0.6) / 2)


def test_the_share_kept_does_not_depend_on_the_clean_score():
    assert robustness.kept_share(LEVELS, FALLING / 2) == pytest.approx(
        robustness.kept_share(LEVELS, FALLING)
    )
    assert np.isnan(robustness.kept_share(LEVELS, np.zeros(11)))


def test_late_fusion_shifted_is_not_above_itself():
    assert robustness.effective(FALLING, FALLING) == 0
    assert robustness.effective(FALLING + 0.05, FALLING) == pytest.approx(0)
    assert robustness.effective(np.full(11, 0.9), FALLING) == pytest.approx(0.3)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="the scores hold NaN"):
        robustness.area(LEVELS, np.full(11, np.nan))
