"""Statistics over seeds and data sets: scores [method, seed, data set]."""

import numpy as np
import pytest

from bench.report.stats import aggregates, bayes, ranks, resampling
from bench.report.stats.paired import ROPE, Paired, t_interval
from bench.report.stats.permutation import signed_rank, smallest_p
from bench.report.stats.verdicts import holm
from tests.golden.files import DOUBLE

FILE = "metrics_stats.npz"
# What other packages say about things that this project does not state.
NOT_OURS = {
    "agg_median": "rliable's median of data sets; the aggregate is the IQM",
    "optimality_gap": "rliable's; the aggregate is the IQM",
    "bh_t": "the false discovery rate; claims are corrected by Holm",
    "nemenyi_cd": "Nemenyi's test; pairs are told apart by signed rank tests and Holm",
    "nemenyi_cd_autorank": "the same by autorank's table of q",
    "nemenyi_q_over_sqrt2": "the q of Nemenyi's test",
    "nemenyi_p": "Nemenyi's test; pairs are told apart by signed rank tests and Holm",
    "nemenyi_p_posthocs": "the same by scikit-posthocs",
    "bsr_norope": "without a rope, which is refused",
    "correlated_t": "baycomp's test for cross-validation",
    "cohen_d": "autorank's; the effect size is Cliff's delta",
    "akinshin_gamma": "autorank's; the effect size is Cliff's delta",
}


def close(ours, golden):
    np.testing.assert_allclose(ours, np.asarray(golden), rtol=DOUBLE, atol=DOUBLE)


def differences(golden):
    """Of methods 1.. against 0, means over seeds: [method, data set]."""
    means = golden["scores"].numpy().mean(axis=1)
    return means[1:] - means[0]


@pytest.mark.parametrize("key", NOT_OURS)
def test_what_is_not_ours(golden, key):
    golden.need(key)
    pytest.skip(f"{key}: {NOT_OURS[key]}")


def test_mean_and_spread_of_a_cell(golden):
    scores, mean, std, sem, half = golden.need("scores", "mean", "std", "sem", "t_half_width")
    for k, t in np.ndindex(*mean.shape):
        values = dict(enumerate(scores[k, :, t].tolist()))
        cell = Paired(values)  # against 0
        close([cell.mean, cell.std, cell.error], [mean[k, t], std[k, t], sem[k, t]])
        low, high = t_interval(values.values())
        close([(high - low) / 2, (high + low) / 2], [half[k, t], mean[k, t]])


def test_aggregates(golden):
    scores = golden["scores"].numpy()
    close(aggregates.iqm(scores), golden["iqm"])
    close(scores.mean(axis=(1, 2)), golden["agg_mean"])


def test_stratified_bootstrap(golden):
    last, index = golden["scores"].numpy()[-1], golden["boot_index"].numpy()
    both = [
        aggregates.resampled(last, index, statistic)
        for statistic in (aggregates.iqm, lambda drawn: drawn.mean(axis=(1, 2)))
    ]
    close(np.stack(both, axis=1), golden["boot_stats"])
    ends = [resampling.percentiles(values) for values in both]
    close(np.array(ends).T, golden["boot_ci"])


def test_probability_of_improvement(golden):
    scores = golden["scores"].numpy()
    close(aggregates.improvement(scores[:, None], scores[None]), golden["prob_improvement"])


def test_paired_t_and_holm(golden):
    p = [Paired(dict(enumerate(row))).p for row in differences(golden).tolist()]
    close(p, golden["ttest_p"])
    close(holm(p), golden["holm_t"])


def test_signed_rank_and_holm(golden):
    p = [signed_rank(row) for row in differences(golden)]
    close(p, golden["wilcoxon_p"])
    close(holm(p), golden["holm_w"])
    close(smallest_p(differences(golden).shape[1]), golden["wilcoxon_min_p"])


def test_ranks(golden):
    scores = golden["scores"].numpy().mean(axis=1)
    close(ranks.ranks(scores), golden["ranks"])
    names = [str(k) for k in range(len(scores))]
    drawn = ranks.diagram(scores, names)
    close([drawn.mean_ranks[drawn.names.index(n)] for n in names], golden["mean_ranks"])


def test_friedman(golden):
    found = ranks.friedman(golden["scores"].numpy().mean(axis=1))
    close([found.chi2, found.p], golden.need("friedman_chi2", "friedman_p"))
    close([found.f, found.f_p], golden.need("iman_davenport_f", "iman_davenport_p"))


def test_bayesian_signed_rank(golden):
    """With the legacy draws of the file; which region is the largest, then how often."""
    seed, sample, each = golden.need("bsr_seed", "bsr_sample", "bsr_rope")
    found = differences(golden)

    def draws(count):
        prior = [bayes.PRIOR, *np.ones(found.shape[1])]
        return np.random.RandomState(int(seed)).dirichlet(prior, count)

    close(bayes.regions(found[-1], draws(len(sample)), ROPE), sample)
    for row, expected in zip(found, each, strict=True):
        largest = bayes.regions(row, draws(4000), ROPE).argmax(axis=1)
        close(np.bincount(largest, minlength=3) / 4000, expected)


def test_cliffs_delta(golden):
    scores, expected = golden.need("scores", "cliffs_delta")
    first = scores.numpy()[:, :, :1]  # of one data set
    close(2 * aggregates.improvement(first[1:], first[:1]) - 1, expected)
