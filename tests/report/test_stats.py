"""Statistics over seeds: limits, ties, invariances, and agreement with scipy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bench.report.stats import permutation, skew
from bench.report.stats.paired import TINY, FoldSeed, Paired, paired, t_interval
from bench.report.stats.verdicts import Verdict, holm, judge, resolvable

DRAW = np.random.default_rng(0)


def of(*values):
    return Paired(dict(enumerate(values)))


# Folds


def shifted(draw, folds, seeds, split):
    """Differences of two methods that are equal over all splits: `split` times as much scatter from
    the split as from the seed, and folds correlate as their shared training samples make them."""
    alike = OVERLAP / (1 + OVERLAP)
    common, own = draw.normal(), draw.normal(size=folds)
    shift = split * (np.sqrt(alike) * common + np.sqrt(1 - alike) * own)
    values = shift[:, None] + draw.normal(size=(folds, seeds))
    return {FoldSeed(f, s): v for (f, s), v in np.ndenumerate(values)}


OVERLAP = 1 / 3  # 60 % of the samples train, 20 % test


@pytest.mark.parametrize(("seeds", "split"), [(1, 3.0), (5, 1.0), (5, 3.0)])
def test_a_split_that_shifts_the_difference_keeps_the_level_over_folds(seeds, split):
    draw, repeats = np.random.default_rng(17), 2000
    wrong = {"ours": 0, "folds as independent": 0, "all seeds": 0}
    for _ in range(repeats):
        values = shifted(draw, 5, seeds, split)
        wrong["ours"] += Paired(values, overlap=OVERLAP).p_symmetric <= 0.05
        wrong["folds as independent"] += Paired(values).p_symmetric <= 0.05
        wrong["all seeds"] += of(*values.values()).p_symmetric <= 0.05
    assert wrong["ours"] <= 0.06 * repeats
    assert wrong["folds as independent"] > 0.12 * repeats
    assert wrong["all seeds"] > 0.12 * repeats


def test_seeds_of_a_fold_are_one_value_and_its_error_is_corrected():
    values = {FoldSeed(f, s): v for f, s, v in ((0, 0, 1.0), (0, 1, 3.0), (1, 0, 4.0), (2, 0, 6.0))}
    one = Paired(values, overlap=OVERLAP)
    assert (one.count, one.unit, one.units) == (3, "fold", [2.0, 4.0, 6.0])
    assert one.mean == 4 and one.error == pytest.approx(2 * np.sqrt(1 / 3 + OVERLAP))
    assert one.p == pytest.approx(2 * stats.t.sf(4 / one.error, 2))
    low, high = one.interval
    assert (low + high) / 2 == pytest.approx(4) and one.interval == pytest.approx(
        t_interval(one.units, overlap=OVERLAP)
    )


def test_one_fold_is_judged_by_its_seeds():
    values = (0.1, 0.3, 0.4)
    alone = Paired({FoldSeed(2, s): v for s, v in enumerate(values)}, overlap=OVERLAP)
    assert alone.unit == "seed" and alone.p == of(*values).p and alone.error == of(*values).error


def test_seeds_are_paired_inside_a_fold():
    a = {FoldSeed(0, 0): 0.9, FoldSeed(1, 0): 0.5, FoldSeed(1, 1): 0.6}
    b = {FoldSeed(0, 0): 0.8, FoldSeed(0, 1): 0.1, FoldSeed(1, 1): 0.2}
    assert paired(a, b).values == pytest.approx({FoldSeed(0, 0): 0.1, FoldSeed(1, 1): 0.4})


# Paired differences


def test_only_seeds_that_both_have_are_paired():
    found = paired({0: 0.5, 1: 0.6, 4: 0.9}, {1: 0.5, 4: 0.7, 5: 0.1})
    assert found.values == pytest.approx({1: 0.1, 4: 0.2}) and found.count == 2


def test_paired_t_agrees_with_scipy():
    a, b = DRAW.normal(size=(2, 6))
    ours = paired(dict(enumerate(a)), dict(enumerate(b)))
    theirs = stats.ttest_rel(a, b)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-12)
    assert ours.interval == pytest.approx(theirs.confidence_interval(), rel=1e-12)


def test_the_interval_and_the_test_agree():
    for _ in range(50):
        one = of(*DRAW.normal(0.01, 0.01, 5))
        low, high = one.interval
        assert (low > 0 or high < 0) == (one.p < 0.05)


def test_identical_methods_have_p_1_and_no_nan():
    one = of(0.0, 0.0, 0.0)
    assert (one.p, one.p_skewed, one.mean) == (1.0, 1.0, 0.0)
    assert one.interval == pytest.approx((0, 0), abs=1e-6)
    assert permutation.sign_flip([0, 0]) == permutation.signed_rank([0, 0]) == 1


@pytest.mark.parametrize("grain", [TINY, 1 / 359, 1 / 20])
@pytest.mark.parametrize("gain", [0.002, 0.05])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_gains_are_judged_as_those_that_scatter_by_less_than_a_sample(seeds, gain, grain):
    """Not less than noisier ones, and not as known exactly."""
    exact = Paired(dict.fromkeys(range(seeds), gain), grain)
    spread = dict(enumerate(np.linspace(-grain, grain, seeds)))
    noisy = Paired({s: gain + one / 9 for s, one in spread.items()}, grain)
    loud = Paired({s: gain + one * 9 for s, one in spread.items()}, grain)
    assert exact.p == pytest.approx(noisy.p, rel=0.2) and exact.p < loud.p
    assert judge([exact])[0].verdict is judge([noisy])[0].verdict
    low, high = exact.interval
    assert low < gain < high


def test_how_many_equal_gains_it_takes_depends_on_the_test_set():
    five = Paired(dict.fromkeys(range(5), 0.05), 1 / 359)
    assert judge([five])[0].verdict is Verdict.BETTER
    one_sample = Paired(dict.fromkeys(range(2), 1 / 359), 1 / 359)
    assert judge([one_sample])[0].verdict is Verdict.NOT_RESOLVED
    level = {n: Paired(dict.fromkeys(range(5), 0.0), 1 / n) for n in (50, 1000)}
    assert judge([level[50]])[0].verdict is Verdict.NOT_RESOLVED
    assert judge([level[1000]])[0].verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_difference_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match=r"the difference of seed 1 is -?(nan|inf)"):
        judge([of(0.1, value, 0.2)])
    with pytest.raises(ValueError, match="the difference of seed 0 is"):
        paired({0: value, 1: 0.1}, {0: 0.5, 1: 0.2})


# Skewed differences


def test_skewed_differences_ask_for_more_and_less_so_with_more_seeds():
    for count in (2, 3, 5, 10, 20):
        one = of(*DRAW.normal(0.02, 0.01, count))
        assert one.p_symmetric <= one.p_skewed <= 1
        assert skew.tail(count, 0) == 1
    asked = [skew.critical(count, 0.95) for count in (3, 5, 10, 20)]
    assert asked == sorted(asked, reverse=True)


def test_the_law_of_skewed_differences_is_met_by_its_own_samples():
    draw = np.random.default_rng(5)
    values = np.exp(draw.normal(size=(4000, 6))) - np.exp(0.5)
    p = np.array([of(*row).p_skewed for row in values])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(p <= level) == pytest.approx(level, rel=0.35)
    assert skew.tail(6, skew.critical(6, 0.95)) == pytest.approx(0.05, rel=1e-3)


def test_rows_of_two_orders_of_scatter_are_judged_as_skewed():
    steady = {s: 0.5 + s / 10_000 for s in range(5)}
    wide = dict(enumerate((0.56, 0.59, 0.52, 0.57, 0.54)))
    for a, b in ((wide, steady), (steady, wide)):
        one = paired(a, b)
        assert one.uneven and one.p == one.p_skewed > 0.05 > one.p_symmetric
        (judged,) = judge([one])
        assert judged.verdict is Verdict.NOT_RESOLVED and judged.resolvable > abs(one.mean)
        low, high = one.interval
        assert low < 0 < high
    alike = paired(wide, {s: 0.5 - (wide[s] - 0.5) / 2 for s in wide})
    assert not alike.uneven and alike.p == alike.p_symmetric


def test_equivalence_of_uneven_rows_allows_for_skewed_differences():
    wide = dict(enumerate((0.500, 0.503, 0.498, 0.501, 0.499)))
    one = paired(wide, dict.fromkeys(wide, 0.5))
    assert one.uneven
    assert one.p_equivalent() > Paired(one.values).p_equivalent()


def test_scatter_below_a_sample_is_no_scatter_of_another_order():
    a, b = {0: 0.5, 1: 0.505, 2: 0.5}, {0: 0.4, 1: 0.4, 2: 0.4}
    assert paired(a, b).uneven and not paired(a, b, grain=1 / 200).uneven


def test_one_seed_says_nothing():
    one = of(0.5)
    assert (one.p, one.p_equivalent(), one.interval, one.std) == (1, 1, None, None)
    assert t_interval([0.5]) is None and paired({}, {}).mean is None


def test_equivalence_agrees_with_two_one_sided_tests_of_scipy():
    values = DRAW.normal(0.002, 0.004, 8)
    sides = [
        stats.ttest_1samp(values, edge, alternative=side).pvalue
        for edge, side in ((-0.01, "greater"), (0.01, "less"))
    ]
    assert of(*values).p_equivalent() == pytest.approx(max(sides), rel=1e-9)


# Sign flips


@pytest.mark.parametrize("count", [2, 4, 8, 11])
def test_sign_flips_agree_with_scipy(count):
    values = DRAW.normal(0.3, 1, count)
    test = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert permutation.sign_flip(values) == pytest.approx(test.pvalue)
    ranked = stats.wilcoxon(values, method="exact").pvalue
    assert permutation.signed_rank(values) == pytest.approx(ranked)


def test_signed_ranks_with_ties_and_zeros_are_those_of_all_permutations():
    values = np.array([0.0, 0.1, 0.1, -0.1, 0.3, -0.4, 0.0])
    kept = values[values != 0]
    ranked = stats.rankdata(np.abs(kept))
    reached = abs((np.sign(kept) * ranked).sum())
    sums = [abs(np.dot(s, ranked)) for s in product((-1, 1), repeat=len(kept))]
    assert permutation.signed_rank(values) == pytest.approx(
        np.mean(np.array(sums) >= reached - 1e-9)
    )


@pytest.mark.parametrize("test", [permutation.sign_flip, permutation.signed_rank])
def test_the_smallest_p_is_met_when_all_signs_agree(test):
    for count in (3, 5, 9):
        assert test(np.arange(1, count + 1)) == permutation.smallest_p(count) == 2 / 2**count


def test_many_differences_are_sampled_close_to_the_exact_p():
    values = DRAW.normal(0.35, 1, 30)
    theirs = stats.wilcoxon(values, method="exact").pvalue
    assert permutation.signed_rank(values) == pytest.approx(theirs, rel=0.1)
    assert permutation.signed_rank(values) == permutation.signed_rank(values)


def test_nan_is_refused():
    for test in (permutation.sign_flip, permutation.signed_rank):
        with pytest.raises(ValueError, match="NaN"):
            test([0.1, np.nan])


# Families and verdicts


def test_holm_is_monotone_and_never_below_the_raw_p():
    p = DRAW.uniform(0, 1, 12) ** 3
    adjusted = np.array(holm(p.tolist()))
    assert (adjusted >= p).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    shuffled = DRAW.permutation(12)
    assert holm(p[shuffled].tolist()) == adjusted[shuffled].tolist()
    assert holm([0.03]) == [0.03] and holm([]) == []
    with pytest.raises(ValueError, match="outside"):
        holm([0.1, float("nan")])


CLEAR, SMALL, NOISY = (0.05, 0.051, 0.049, 0.05), (0.001, -0.001, 0.0, 0.0005), (0.05, -0.04, 0.03)


def test_the_four_verdicts():
    clear, below = of(*CLEAR), of(*(-v for v in CLEAR))
    judged = judge([clear, below, of(*SMALL), of(*NOISY)])
    assert [one.verdict for one in judged] == list(Verdict)
    assert [one.resolved for one in judged] == [True, True, False, False]
    assert judged[3].words == "not resolved with 3 seeds" and judged[0].words == "better"


def test_swapping_the_methods_swaps_better_and_worse_alone():
    family = [of(*DRAW.normal(mean, 0.01, 5)) for mean in (0.05, -0.03, 0.0, 0.01)]
    swapped = [Paired({s: -v for s, v in one.values.items()}) for one in family]
    other = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
    for one, back in zip(judge(family), judge(swapped), strict=True):
        assert back.verdict == other.get(one.verdict, one.verdict) and back.p == one.p


def test_a_difference_that_is_small_and_resolved_says_both():
    (one,) = judge([of(0.0021, 0.002, 0.0019, 0.0022, 0.0018)])
    assert one.verdict is Verdict.BETTER and one.small


def test_a_larger_family_resolves_less():
    one = of(0.01, 0.03, 0.02, 0.035, 0.004)
    assert 0.01 < one.p < 0.05 and judge([one])[0].resolved
    crowd = [one, *(of(*NOISY) for _ in range(9))]
    judged = judge(crowd)[0]
    assert judged.verdict is Verdict.NOT_RESOLVED and judged.adjusted == pytest.approx(10 * one.p)


def test_what_has_fewer_than_two_seeds_is_not_in_the_family():
    one = of(0.01, 0.03, 0.02, 0.035, 0.004)
    judged = judge([of(0.5), one, paired({}, {})])
    assert [j.words for j in judged] == [
        "not resolved with 1 seed",
        "better",
        "not resolved with 0 seeds",
    ]
    assert judged[1].adjusted == one.p and judged[0].resolvable is None


def test_what_is_not_resolved_is_below_what_could_have_been():
    draw = np.random.default_rng(3)
    for _ in range(100):
        family = [of(*draw.normal(m, 0.01, 5)) for m in (0.0, 0.01, 0.02, 0.03)]
        for one, judged in zip(family, judge(family), strict=True):
            if not judged.resolved:
                assert abs(one.mean) < judged.resolvable
    (judged,) = judge([family[0]])
    assert judged.resolvable == resolvable(family[0], 0.05)
    low, high = family[0].interval
    assert judged.resolvable == pytest.approx((high - low) / 2)


def test_without_a_rope_nothing_is_equivalent():
    (judged,) = judge([of(*SMALL)], rope=None)
    assert judged.verdict is Verdict.NOT_RESOLVED
