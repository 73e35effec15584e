"""`compare`: what it says of two methods or two folders, and what it never puts side by side."""

import re

import numpy as np
import pytest
from scipy import stats

from bench.__main__ import main
from bench.report.comparison.answers import answers
from bench.report.quantities import RESAMPLED
from bench.report.read.results import read
from bench.report.tables.captions import DASH
from bench.runs import bundle
from bench.runs.rundir import every
from tests.helpers.planted import correct
from tests.helpers.results import add

CLASSES, SAMPLES = 4, 400


def logits_of(right, labels, draw):
    """[N, C], highest at the label where `right`, else at another class."""
    wrong = (labels + draw.integers(1, CLASSES, len(labels))) % CLASSES
    noise = draw.normal(size=(len(labels), CLASSES)) * 0.1
    noise[np.arange(len(labels)), np.where(right, labels, wrong)] += 2
    return noise.astype(np.float32)


def finished(folder, method, seed, right, labels, seed_of_noise=0, **options):
    """A run whose stored predictions, on both parts, are right where `right` says."""
    run = add(folder, method, seed, accuracy=float(np.mean(right)), **options)
    draw = np.random.default_rng(seed_of_noise)
    arrays = {"index": np.arange(len(labels)), "label": labels}
    arrays |= {"val/logits": logits_of(right, labels, draw)}
    for part in ("val", "test"):
        np.savez(run.predictions(part), **arrays)
    return run


def planted(folder, effect, seeds=5, datasets=("toy",), names=("ours", "theirs"), **options):
    """Two methods, the first better by `effect`."""
    for i, dataset in enumerate(datasets):
        draw = np.random.default_rng(i)
        labels = draw.integers(CLASSES, size=SAMPLES)
        both = correct(draw, seeds, effect, samples=SAMPLES)
        for order, (name, right) in enumerate(zip(names, both, strict=True)):
            for seed, row in enumerate(right):
                where = {"dataset": dataset, "order": order, "seed_of_noise": 10 * order + seed}
                finished(folder, name, seed, row, labels, **where, **options)


def compare(capsys, *words):
    """Exit code, what is printed, what is said."""
    code = main(["compare", *map(str, words)])
    return code, *capsys.readouterr()


def shown(capsys, *words):
    code, text, said = compare(capsys, *words)
    assert code == 0 and said == "", said
    return text


def lines(text):
    """Data of a line -> its cells by column."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def test_a_clear_difference_is_better_and_the_other_way_round_worse(tmp_path, capsys):
    planted(tmp_path, 0.1)
    cells = lines(shown(capsys, "ours", "theirs", "--results", tmp_path))["toy, clean"]
    assert cells["A is"] == "**better**" and cells["Seeds"] == "5"
    assert cells["P(A beats B)"] == "1.00" and cells["Exact p"] == "0.062"
    text = shown(capsys, "theirs", "ours", "--results", tmp_path)
    back = lines(text)["toy, clean"]
    assert back["A is"] == "**worse**" and "- toy, clean: A is worse." in text
    assert back["A - B"].removeprefix("-") == cells["A - B"].removeprefix("+")
    assert (back["A"], back["B"], back["p"]) == (cells["B"], cells["A"], cells["p"])


def test_a_win_that_skewed_differences_would_not_give_says_so(tmp_path, capsys):
    planted(tmp_path, 0.03)
    cells = lines(text := shown(capsys, "ours", "theirs", "--results", tmp_path))["toy, clean"]
    assert cells["A is"] == "**better**"
    assert float(cells["p"].strip("<")) < 0.05 < float(cells["Skewed p"])
    assert "it would not be resolved if the differences were skewed" in text
    planted(tmp_path / "clear", 0.1)
    text = shown(capsys, "ours", "theirs", "--results", tmp_path / "clear")
    assert float(lines(text)["toy, clean"]["Skewed p"]) < 0.05 and "would not be" not in text


def test_scatter_of_another_order_is_warned_of(tmp_path, capsys):
    for seed, share in enumerate((0.9, 0.6, 0.95, 0.8, 0.75)):
        add(tmp_path, "wild", seed, accuracy=share)
        add(tmp_path, "steady", seed, accuracy=0.6 + seed / 100)
    for names, scatters in ((("wild", "steady"), "A"), (("steady", "wild"), "B")):
        text = shown(capsys, *names, "--results", tmp_path)
        assert re.search(rf"; {scatters} scatters 8\.\d times as much as [AB], so that", text)
        cells = lines(text)["toy, clean"]
        assert cells["p"] == cells["Skewed p"]


def test_equivalence_is_of_this_test_set(tmp_path, capsys):
    """The seeds agree; 400 samples do not tell what others would show."""
    draw = np.random.default_rng(0)
    labels = draw.integers(CLASSES, size=SAMPLES)
    both = correct(draw, 1, 0.0, samples=SAMPLES, own=True)
    gap = int(both[0].sum() - both[1].sum())
    both[0][0, np.flatnonzero(both[0][0] & ~both[1][0])[: max(gap, 0)]] = False
    both[1][0, np.flatnonzero(both[1][0] & ~both[0][0])[: max(-gap, 0)]] = False
    for name, right in zip(("one", "two"), both, strict=True):
        for seed in range(5):
            finished(tmp_path, name, seed, right[0], labels, seed_of_noise=seed)
    text = shown(capsys, "one", "two", "--results", tmp_path)
    assert lines(text)["toy, clean"]["A is"] == "equivalent"
    assert "equivalent: on this test set they differ by less than one point; the bootstrap" in text
    assert "on another test set of this size it may be more" in text


def folded(folder, shifts, seeds=2):
    """A and B, the first better by a fold's shift."""
    for fold, shift in enumerate(shifts):
        for seed in range(seeds):
            for name, share in (("one", 0.7 + shift), ("two", 0.7)):
                share += 0.05 * fold + 0.002 * seed
                add(folder, name, seed, accuracy=share, data={"fold": fold})


def test_folds_are_one_line_and_each_is_one_value(tmp_path, capsys):
    shifts = (0.03, 0.05, 0.04, 0.02, 0.06)
    folded(tmp_path, shifts)
    text = shown(capsys, "one", "two", "--results", tmp_path)
    (cells,) = lines(text).values()
    assert cells["Data"] == "toy, clean (folds=0 to 4)" and cells["Seeds"] == "10 in 5 folds"
    assert cells["A - B"] == "+4.00" and cells["P(A beats B)"] == "1.00"
    spread = np.std(shifts, ddof=1) * np.sqrt(1 / 5 + 200 / 600)
    half = 100 * stats.t.isf(0.025, 4) * spread
    assert cells["t interval"] == f"[{4 - half:+.2f}, {4 + half:+.2f}]"
    assert float(cells["p"]) == pytest.approx(2 * stats.t.sf(0.04 / spread, 4), abs=6e-4)
    assert cells["Exact p"] == cells["Bootstrap"] == DASH and cells["A is"] == "**better**"
    assert "paired t test over folds, each with the mean of its seeds, corrected for any" in text


def test_more_seeds_of_the_same_folds_resolve_nothing_more(tmp_path, capsys):
    said = []
    for seeds in (1, 8):
        folded(tmp_path / str(seeds), (0.08, -0.01, 0.05, 0.0, 0.03), seeds)
        text = shown(capsys, "one", "two", "--results", tmp_path / str(seeds))
        (cells,) = lines(text).values()
        said.append((cells["p"], cells["t interval"], cells["A is"]))
    assert said[0] == said[1] and said[0][2] == "not resolved with 5 folds"


def test_a_fold_that_both_folders_have_is_compared_alone(tmp_path, capsys):
    folded(tmp_path / "a", (0.1, 0.2))
    for seed in (0, 1):
        add(tmp_path / "b", "one", seed, accuracy=0.8 + 0.05, data={"fold": 1})
        add(tmp_path / "c", "one", seed, accuracy=0.8 + 0.05, data={"fold": 3})
    text = shown(capsys, tmp_path / "a", tmp_path / "b")
    (cells,) = lines(text).values()
    assert cells["Seeds"] == "2" and cells["A"].startswith("95.")
    assert "unpaired seeds are left out, 0, 1 of fold 0 in A alone" in text
    code, _, said = compare(capsys, tmp_path / "b", tmp_path / "c")
    assert code == 2 and "A has 0, 1 of fold 1 and B 0, 1 of fold 3" in said


def test_what_the_seeds_do_not_resolve_is_no_win(tmp_path, capsys):
    planted(tmp_path, 0.01, seeds=3)
    text = shown(capsys, "ours", "theirs", "--results", tmp_path)
    cells = lines(text)["toy, clean"]
    assert cells["A is"] == "not resolved with 3 seeds" and "**" not in text
    assert "not resolved with 3 seeds; as they scatter, they resolve" in text


def test_one_common_seed_resolves_nothing(tmp_path, capsys):
    planted(tmp_path, 0.3, seeds=1)
    cells = lines(shown(capsys, "ours", "theirs", "--results", tmp_path))["toy, clean"]
    assert cells["A is"] == "not resolved with 1 seed" and cells["t interval"] == DASH
    assert cells["Bootstrap"] != DASH  # the samples vary


def test_two_names_for_the_same_runs_are_identical(tmp_path, capsys):
    """Bit for bit, so that there is nothing to test."""
    labels = np.arange(SAMPLES) % CLASSES
    for seed in range(5):
        right = np.random.default_rng(seed).random(SAMPLES) < 0.8
        for name in ("one", "two"):
            finished(tmp_path, name, seed, right, labels, seed_of_noise=seed)
    text = shown(capsys, "one", "two", "--results", tmp_path)
    cells = lines(text)["toy, clean"]
    assert cells["A is"] == "identical" and cells["A - B"] == "0.00" and cells["p"] == DASH
    assert "equal bit for bit under every seed" in text and "nan" not in text.lower()


def test_the_same_accuracies_without_stored_predictions_are_no_win(tmp_path, capsys):
    for name in ("one", "two"):
        for seed in range(5):
            add(tmp_path, name, seed, accuracy=0.5 + seed / 100)
    cells = lines(shown(capsys, "one", "two", "--results", tmp_path))["toy, clean"]
    assert cells["A is"] == "equivalent" and cells["Bootstrap"] == DASH and cells["p"] == "1.000"


def test_several_data_sets_are_one_family_and_have_an_overall_line(tmp_path, capsys):
    names = ("one", "two", "three")
    planted(tmp_path, 0.05, datasets=names)
    text = shown(capsys, "ours", "theirs", "--results", tmp_path)
    assert list(lines(text)) == ["one, clean", "three, clean", "two, clean"]
    assert "after Holm over the 3 lines" in text and "Over 3 data sets" in text
    assert "Bayesian signed rank test with a rope of one point" in text
    assert "which 3 of them cannot bring below 0.25" in text
    single = shown(capsys, "ours", "theirs", "--results", tmp_path, "--dataset", "one")
    assert "Over " not in single and "Holm" not in single
    of = [float(lines(t)["one, clean"]["p"].strip("<")) for t in (text, single)]
    assert of[0] >= of[1]


def test_lists_are_compared_one_with_one_as_one_family(tmp_path, capsys):
    planted(tmp_path, 0.05)
    planted(tmp_path, 0.0, names=("first", "second"))
    pairs = {
        "toy, clean, ours against theirs": ("ours", "theirs"),
        "toy, clean, second against first": ("second", "first"),
    }
    text = shown(capsys, "ours, second", "theirs,first", "--results", tmp_path)
    assert list(lines(text)) == list(pairs) and "after Holm over the 2 lines" in text
    for place, names in pairs.items():
        alone = lines(shown(capsys, *names, "--results", tmp_path))["toy, clean"]
        line = lines(text)[place]
        assert all(line[k] == alone[k] for k in ("A", "B", "A - B", "Exact p", "Bootstrap"))
        assert float(line["p"].strip("<")) >= float(alone["p"].strip("<"))
    with_one = shown(capsys, "ours,second", "first", "--results", tmp_path)
    assert list(lines(with_one)) == [f"toy, clean, {a} against first" for a in ("ours", "second")]


def test_several_pairs_of_methods_have_no_overall_line(tmp_path, capsys):
    for names in (("ours", "theirs"), ("first", "second")):
        planted(tmp_path, 0.05, datasets=("one", "two"), names=names)
    both = shown(capsys, "ours,first", "theirs,second", "--results", tmp_path)
    assert len(lines(both)) == 4 and "Over 2 data sets" not in both
    assert "Over 2 data sets" in shown(capsys, "first", "second", "--results", tmp_path)


def test_the_same_call_prints_the_same(tmp_path, capsys):
    planted(tmp_path, 0.02, datasets=("one", "two"))
    words = ("ours", "theirs", "--results", tmp_path)
    assert shown(capsys, *words) == shown(capsys, *words)


def test_every_quantity_that_can_be_resampled_is_compared():
    counted = {"macro_f1", "macro_f1_seen", "macro_f1_all", "weighted_f1", "balanced_accuracy"}
    proper = {"nll", "nll_scaled", "brier", "brier_scaled"}
    assert set(RESAMPLED) == {"accuracy"} | counted | proper


@pytest.mark.parametrize("metric", RESAMPLED)
def test_a_comparison_shows_the_numbers_of_the_table(tmp_path, metric):
    planted(tmp_path, 0.15)
    for run in map(read, every(tmp_path)):
        stated = RESAMPLED[metric].value(run, "val")
        scored = answers(run.directory, "val", RESAMPLED[metric]).score
        assert scored == pytest.approx(stated, rel=1e-12)


@pytest.mark.parametrize("metric", RESAMPLED)
def test_every_quantity_finds_a_clear_difference_and_says_whose(tmp_path, capsys, metric):
    planted(tmp_path, 0.15)
    text = shown(capsys, "ours", "theirs", "--results", tmp_path, "--metric", metric)
    cells = lines(text)["toy, clean"]
    assert cells["A is"] == "**better**" and cells["P(A beats B)"] == "1.00"
    lower = RESAMPLED[metric].better < 0
    assert cells["A - B"].startswith("-" if lower else "+")
    for column in ("t interval", "Bootstrap"):
        ends = [float(end) for end in cells[column].strip("[]").split(",")]
        assert ends == sorted(ends) and (ends[1] < 0 if lower else ends[0] > 0)


def test_protocols_stand_side_by_side(tmp_path, capsys):
    for name, shift in (("one", 0.0), ("two", 0.1)):
        for seed in range(3):
            both = {"val": 0.5 + shift + seed**2 / 100, "last": 0.4 + seed / 100}
            add(tmp_path, name, seed, accuracy=both)
    text = shown(capsys, "two", "one", "--results", tmp_path, "--protocol", "val,last")
    assert text.count("| toy, clean | ") == 2 and "after Holm over the 2 lines" in text
    assert "test-best" not in text and "Protocols `val`" in text


def test_unpaired_seeds_are_left_out_and_named(tmp_path, capsys):
    for seed in (0, 1, 2, 3):
        add(tmp_path, "one", seed, accuracy=0.5 + seed / 100)
    for seed in (2, 3, 7):
        add(tmp_path, "two", seed, accuracy=0.4 + seed**2 / 100)
    text = shown(capsys, "one", "two", "--results", tmp_path)
    assert lines(text)["toy, clean"]["Seeds"] == "2"
    assert "unpaired seeds are left out, 0, 1 in A alone and 7 in B alone." in text


def test_other_recipes_and_code_are_named(tmp_path, capsys):
    for seed in (0, 1):
        add(tmp_path, "one", seed, accuracy=0.5)
        newer = {"version": "0.2.0", "commit": None, "source": "ffff"}
        add(tmp_path, "two", seed, accuracy=0.6, train={"epochs": 7}, code=newer)
    text = shown(capsys, "one", "two", "--results", tmp_path)
    assert "`train.epochs` differs" in text and "of B 0.2.0, source ffff." in text


def test_data_sets_without_a_partner_are_named(tmp_path, capsys):
    planted(tmp_path, 0.1)
    add(tmp_path, "ours", dataset="lonely")
    text = shown(capsys, "ours", "theirs", "--results", tmp_path)
    assert "Not compared: lonely, clean: no finished run of theirs." in text


def refused(capsys, *words):
    code, text, said = compare(capsys, *words)
    assert (code, text) == (2, "") and said.count("\n") == 1 and "Traceback" not in said
    return said


def test_runs_on_other_data_or_splits_are_never_compared(tmp_path, capsys):
    for seed in (0, 1):
        add(tmp_path, "one", seed)
        add(tmp_path, "two", seed, data_hash="e" * 64)
        add(tmp_path, "three", seed, digests={"train": "9", "val": "9", "test": "9"})
    said = refused(capsys, "one", "two", "--results", tmp_path)
    assert "different data (hash `dddddddd` and `eeeeeeee`)" in said
    said = refused(capsys, "one", "three", "--results", tmp_path)
    assert "rest on different splits" in said


def test_without_a_common_seed_there_is_nothing_to_compare(tmp_path, capsys):
    add(tmp_path, "one", 0)
    add(tmp_path, "two", 1)
    said = refused(capsys, "one", "two", "--results", tmp_path)
    assert "no seed in common, A has 0 and B 1" in said and "--seeds" in said


def test_several_configurations_must_be_told_apart(tmp_path, capsys):
    runs = [
        add(tmp_path, "one", s, accuracy=0.5 + s / 10, settings={"alpha": alpha})
        for alpha in (0.1, 0.3)
        for s in (0, 1)
    ]
    add(tmp_path, "two", 0)
    said = refused(capsys, "one", "two", "--results", tmp_path)
    assert "names 2 configurations" in said and "'one (alpha=0.1)'" in said
    digests = [run.path.parent.name for run in runs[::2]]
    by_digest = shown(capsys, *(f"one@{d[:6]}" for d in digests), "--results", tmp_path)
    by_label = shown(capsys, "one (alpha=0.1)", "one (alpha=0.3)", "--results", tmp_path)
    assert lines(by_digest) == lines(by_label)
    assert "both name" in refused(capsys, "two", "two", "--results", tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("our", "theirs"), "Did you mean 'ours'?"),
        (("ours", "theirs", "--metric", "f1"), "'f1' is not a measure that can be compared"),
        (("ours", "theirs", "--dataset", "tory"), "'tory' is not a data set with runs"),
        (("ours", "theirs", "--protocol", "best"), "'best' is not a protocol"),
        (("ours", "theirs", "--protocol", "last"), "choose another --protocol"),
        (("ours", "ours,theirs"), "name one in B, or as many as in A"),
        (("ours," * 60 + "our", "theirs"), "Did you mean 'ours'?"),
        (("ours,", "theirs"), "'' is not a method with finished runs here"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, capsys, words, sentence):
    planted(tmp_path, 0.1, seeds=1)
    assert sentence in refused(capsys, *words, "--results", tmp_path)


def test_an_empty_folder_has_nothing_to_compare(tmp_path, capsys):
    assert "no finished runs" in refused(capsys, "a", "b", "--results", tmp_path)


# Folders


def test_the_same_configurations_of_two_folders_are_compared(tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    planted(old, 0.1)
    planted(new, 0.1, code={"version": "0.2.0", "commit": None, "source": "ffff"})
    add(old, "dropped")
    add(new, "fresh")
    text = shown(capsys, old, new)
    found = lines(text)
    assert {row["A is"] for row in found.values()} == {"identical"}
    assert set(found) == {"toy, clean, ours", "toy, clean, theirs"}
    assert "dropped: in A alone." in text and "fresh: in B alone." in text
    assert "code of A 0.1.0, commit abc1234, source 0123456789ab; of B 0.2.0" in text


def test_a_bundle_is_as_good_as_its_folder(tmp_path, capsys):
    old, archive = tmp_path / "old", tmp_path / "b.zip"
    planted(old, 0.1)
    bundle.write(archive, old, list(every(old)))
    found = lines(shown(capsys, old, archive))
    assert {row["A is"] for row in found.values()} == {"identical"}
    of_methods = shown(capsys, "ours", "theirs", "--results", archive)
    assert of_methods == shown(capsys, "ours", "theirs", "--results", old)


def test_folders_with_nothing_in_common_are_refused(tmp_path, capsys):
    add(tmp_path / "old", "one")
    add(tmp_path / "new", "two")
    said = refused(capsys, tmp_path / "old", tmp_path / "new")
    assert "nothing to compare" in said and "in A alone" in said
    assert "is a results folder and 'one' is none" in refused(capsys, "one", tmp_path / "new")
    add(tmp_path / "new", "one", data_hash="e" * 64)
    assert "different data" in refused(capsys, tmp_path / "old", tmp_path / "new")


def test_predictions_of_other_samples_are_refused(tmp_path, capsys):
    planted(tmp_path, 0.1)
    run = next(every(tmp_path))
    with np.load(run.predictions("test")) as stored:
        arrays = dict(stored)
    np.savez(run.predictions("test"), **arrays | {"label": np.roll(arrays["label"], 1)})
    assert "of different samples" in refused(capsys, "ours", "theirs", "--results", tmp_path)
    whole = run.predictions("test").read_bytes()
    place = len(whole) * 3 // 4  # among the logits
    changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    for content in (b"", b"PK", whole[:place], changed):
        run.predictions("test").write_bytes(content)
        assert "test.npz is damaged" in refused(capsys, "ours", "theirs", "--results", tmp_path)
