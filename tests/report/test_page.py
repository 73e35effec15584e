"""The report: one file, everything escaped, what is missing is said, and commands that are true."""

import json
import re

import pytest

from bench.__main__ import main
from bench.commands import rerun
from bench.commands.parser import parser
from bench.report.page.run_curves import POINTS, sketch
from bench.runs import bundle, manifest
from bench.runs.rundir import every, place
from tests.helpers.results import EVIL, add, learning, spec_of


def written(folder, *words):
    assert main(["report", *map(str, words), "--out", str(folder / "page")]) == 0
    return (folder / "page" / "index.html").read_text()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two rows and the modalities alone: competition inside `joint`, `best` without."""
    results = tmp_path_factory.mktemp("few")
    log = learning({"m0": 0.8, "m1": 0.6})
    for seed in range(5):
        probe = {"m0": 0.80 + seed / 500, "m1": 0.60 + seed / 400}
        for m in probe:
            alone = {m: probe[m]}
            add(results, f"alone-{m}", seed, accuracy=probe[m], heads=alone, probe=alone)
        less = {m: share - 0.1 - seed / 900 for m, share in probe.items()}
        add(results, "joint", seed, accuracy=0.7 + seed / 300, probe=less, log=log, order=1)
        add(results, "best", seed, accuracy=0.8 + seed / 310, probe=probe, log=log, order=2)
    return results


@pytest.fixture(scope="module")
def page(few, tmp_path_factory):
    return written(tmp_path_factory.mktemp("out"), "--results", few)


def test_it_holds_everything_itself(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    assert "default-src &#39;none&#39;" in policy and "unsafe" not in policy
    for source in re.findall(r"""(?:src|href)=["']([^"']*)""", page):
        assert source.startswith(("#", "data:")), source[:80]
    assert not re.search(r"url\(|@import|https?:", page)


def test_the_findings_are_those_of_the_tables_marks(page):
    said = " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"</?code>", "", page)).split())
    assert "More accurate than joint best +1" in said
    assert "Inside joint the encoder of m0 ends, by linear probe, 10." in said
    assert "The strongest on average is that of best, level with it." in said


def test_nothing_from_results_is_markup(tmp_path):
    results = tmp_path / "results"
    for seed in range(2):
        run = add(
            results,
            "joint",
            seed,
            family=EVIL,
            title=EVIL,
            probe={EVIL: 0.5, "m1": 0.5},
            heads={EVIL: 0.5, "m1": 0.5},
            modalities=(EVIL, "m1"),
            settings={EVIL: EVIL},
            log=learning({EVIL: 0.5}, stage=EVIL),
            code={"version": EVIL, "commit": EVIL, "source": EVIL},
        )
        plain = json.loads(run.result.read_text())
        plain["environment"] = {EVIL: EVIL}
        plain["selected"] = {EVIL: EVIL}
        plain["method"] |= {"title": EVIL, "paper": EVIL}
        run.result.write_text(json.dumps(plain))
    lost = place(results, spec_of("lost"))
    lost.create(spec_of("lost"))
    lost.error.write_text(f"{EVIL}\nTraceback")
    page = written(tmp_path, "--results", results)
    assert "<script>document" not in page and page.count("<script") == 1
    assert page.count("&lt;script&gt;") > 10


def test_what_is_not_finished_is_said_with_its_reason(few, tmp_path):
    results = tmp_path / "results"
    runs = [add(results, "joint", seed) for seed in range(2)]
    for method, reason in (("lost", "no memory left\nTraceback"), ("late", "")):
        spec = spec_of(method, seed=3)
        run = place(results, spec)
        run.create(spec)
        if reason:
            run.error.write_text(reason)
        runs.append(run)
    manifest.write(results, "mine", runs, {})
    page = " ".join(re.sub(r"<[^>]*>", "", written(tmp_path, "mine", "--results", results)).split())
    assert re.search(r"toy/lost/\w+, seed 3: failed: no memory left", page)
    assert re.search(r"toy/late/\w+, seed 3: waiting", page)
    assert "Traceback" not in page and "--retry" in page
    assert "2 of 4 runs are not finished." in page


def test_a_bundle_gives_the_page_of_its_folder(few, page, tmp_path):
    archive = tmp_path / "b.zip"
    bundle.write(archive, few, list(every(few)))

    def body(text):
        return re.sub(r"<pre>python -m bench report[^<]*</pre>", "", text)

    assert body(written(tmp_path, "--results", archive)) == body(page)


def test_a_baseline_that_is_not_there_is_refused(few, tmp_path, capsys):
    words = ["report", "--results", str(few), "--out", str(tmp_path), "--baseline", "jiont"]
    assert main(words) == 2
    assert "Did you mean 'joint'?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_baseline_nothing_is_claimed(few, tmp_path):
    page = written(tmp_path, "--results", few, "--method", "best,alone-m0")
    assert "Nothing is compared" in page and 'class="claim' not in page


def test_what_the_seeds_do_not_resolve_is_never_a_win(few, tmp_path):
    results = tmp_path / "results"
    for seed in range(3):
        add(results, "joint", seed, accuracy=0.5 + seed / 100, order=0)
        add(results, "luck", seed, accuracy=0.6 - seed / 30, order=1)
    add(results, "once", 0, accuracy=0.9, order=2)
    page = " ".join(re.sub(r"<[^>]*>", "", written(tmp_path, "--results", results)).split())
    assert "Not resolved with 3 seeds against joint luck +5.7" in page
    assert "Not resolved with 1 seed against joint once +40.0" in page
    assert "More accurate" not in page


def test_the_tables_have_the_columns_that_are_asked_for(few, tmp_path):
    page = written(tmp_path, "--results", few, "--columns", "under_training")
    assert '<th scope="col" class="number" data-better="-1">' in page
    assert "More accurate than" in page


def test_published_numbers_stand_apart_and_are_no_finding(tmp_path):
    results, file = tmp_path / "results", tmp_path / "published.csv"
    for seed in range(2):
        add(results, "joint", seed, dataset="cremad", accuracy=0.5 + seed / 100)
        add(results, "ogm", seed, dataset="cremad", accuracy=0.6 + seed / 99, order=1)
    lines = (
        "method,dataset,metric,value,std,source,notes",
        "OGM,CREMA-D,accuracy,99.9,,<b>Them</b>,",
    )
    file.write_text("\n".join(lines))
    page = written(tmp_path, "--results", results, "--published", file)
    assert re.search(r'<td class="published"[^>]*><em>99.9', page)
    assert "<b>Them" not in page
    assert 'ogm</code> <span class="points">+10.0' in page


def test_a_page_of_a_hundred_runs_stays_small(tmp_path):
    for seed in range(25):
        for method in ("joint", "a", "b", "c"):
            log = learning({"m0": 0.8, "m1": 0.6}, epochs=300, seed=seed)
            add(tmp_path / "r", method, seed, accuracy=0.5 + seed / 100, log=log)
    assert len(written(tmp_path, "--results", tmp_path / "r")) < 2_000_000


def test_a_sketch_keeps_the_ends_of_long_curves_and_marks_the_chosen_epoch():
    rows = [
        {"stage": "a" if e < 400 else "b", "epoch": e, "val_accuracy": e / 1000}
        for e in range(1000)
    ]
    drawn = str(sketch(rows, ("b", 999)).drawing)
    points = re.search(r'points="([^"]*)"', drawn).group(1).split()
    assert POINTS / 2 < len(points) <= POINTS + 1
    assert points[0] == "0.0,96.0" and points[-1] == "320.0,0.0"
    assert 'class="chosen" d="M320.0' in drawn and drawn.count('class="stage"') == 1
    assert sketch([{"stage": "a", "epoch": 0}], None) is None


def redone(results, words, suite=None):
    """What is told to redo what a command asks for."""
    args = parser().parse_args([*words, "--results", str(results)])
    from bench import configure
    from bench.commands import request

    wanted = request.from_run(args) if words[0] == "run" else request.from_suite(args).experiment
    runs = []
    for spec in configure.specs(wanted):
        runs.append(place(results, spec))
        runs[-1].create(spec)
    return rerun.commands(parser().parse_args, suite, runs)


def test_a_suite_is_redone_by_its_sweep(tmp_path):
    told = redone(tmp_path, ["sweep", "quick", "--seeds", "2"], "quick")
    assert told == (["python -m bench sweep quick --seeds 2"], "")
    told = redone(tmp_path / "b", ["sweep", "quick", "--seeds", "3,", "--epochs", "2"], "quick")
    assert told == (["python -m bench sweep quick --seeds 3, --epochs 2"], "")


def test_single_runs_are_redone_with_what_was_set(tmp_path):
    words = (
        "run --method joint,ogm_ge --dataset digits --seeds 1 --set alpha=0.3 --set train.lr=0.5"
    )
    (first, second), note = redone(tmp_path, words.split())
    tail = "--dataset digits --seeds 1"
    assert first == f"python -m bench run --method joint {tail} --set train.lr=0.5"
    assert second.startswith(f"python -m bench run --method ogm_ge {tail} --set alpha=0.3")
    assert note == ""


def test_folds_are_redone_by_one_command(tmp_path):
    tail = "--dataset digits --seeds 2 --folds"
    for folds in ("3", "2,4"):
        words = f"run --method joint,ogm {tail} {folds}"
        assert redone(tmp_path / folds, words.split()) == ([f"python -m bench {words}"], "")
    words = f"run --method joint {tail} 3,"
    told = f"python -m bench run --method joint {tail.removesuffix(' --folds')} --set data.fold=3"
    assert redone(tmp_path / "one", words.split()) == ([told], "")
    told = redone(tmp_path / "b", ["sweep", "quick", "--folds", "all"], "quick")
    assert told == (["python -m bench sweep quick --seeds 5 --folds 5"], "")


def test_a_run_that_no_command_asks_for_is_named(tmp_path):
    spec = spec_of("joint", dataset="digits", train={"epochs": 3})
    run = place(tmp_path, spec)
    run.create(spec)
    told, note = rerun.commands(parser().parse_args, None, [run])
    assert told == [] and "`joint`" in note
