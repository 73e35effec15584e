"""A run from spec to result, and everything that can come between."""

import json

import numpy as np
import pytest
import torch

from bench import metrics
from bench.errors import UserError
from bench.execute import build_method, open_data
from bench.methods import ENTRIES
from bench.passes import collect
from bench.runs.places import Places
from bench.runs.result import Result
from bench.training import checkpoint, journal
from bench.training.trainer import Stopped, TrainingFailed
from tests.helpers.kills import compare_with_uninterrupted, equal, finish, outcome, start
from tests.helpers.training import rows, spec_of, trainer_of


@pytest.fixture
def run(tmp_path):
    return start(tmp_path, spec_of("joint", epochs=3))


def test_a_finished_run_has_all_its_files(run):
    assert run.state == "waiting"
    finish(run)
    assert run.state == "done"
    names = {p.name for p in run.path.iterdir()}
    assert names == {
        *("spec.json", "log.jsonl", "checkpoint.pt", "checkpoint.prev.pt", "weights.pt"),
        *("val.npz", "test.npz", "subsets.npz", "result.json"),
    }
    assert len(run.rows()) == 3


def test_the_result_says_what_a_reviewer_asks(run):
    finish(run)
    result = run.result_json()
    assert result["spec"] == run.spec().to_json()
    assert result["digest"] == run.spec().digest
    assert list(result["protocols"]) == ["val", "last", "test-best"]
    assert result["method"]["family"] == "Baselines"
    assert result["readout"] == "slice"
    assert result["split"]["counts"] == {"train": 203, "val": 64, "test": 96}
    assert set(result["probe"]["test"]) == {"m0", "m1"}
    assert result["cost"]["epochs"] == 3 and result["cost"]["steps"] == 21
    assert result["cost"]["seconds"] > 0 and result["cost"]["peak_memory_mib"] > 0
    assert result["environment"]["torch"] == torch.__version__
    assert len(result["code"]["source"]) == 12


def test_a_result_is_read_as_it_was_written(run):
    finish(run)
    again = json.dumps(run.read_result().to_json(), indent=1) + "\n"
    assert again == run.result.read_text()


def test_what_a_result_of_older_code_lacks_is_none(run):
    finish(run)
    plain, optional = run.result_json(), ("readout", "probe", "subsets", "learned", "environment")
    whole = {k: v for k, v in plain.items() if k not in optional}
    whole["cost"] = {"epochs": 3}
    result = Result.from_json(whole, "here")
    assert [getattr(result, name) for name in (*optional, "selected")] == [None] * 5 + [{}]
    assert result.cost.epochs == 3 and result.cost.seconds is None
    del whole["data_hash"]
    with pytest.raises(UserError, match=r"here lacks what a report needs \('data_hash'\)"):
        Result.from_json(whole, "here")


def test_predictions_are_what_the_metrics_say(run):
    finish(run)
    result = run.result_json()
    for part in ("val", "test"):
        stored = np.load(run.predictions(part))
        assert np.array_equal(stored["index"], np.arange(len(stored["label"])))
        for protocol, found in result["protocols"].items():
            logits = stored[f"{protocol}/logits"]
            assert metrics.accuracy(logits, stored["label"]) == found[part]["accuracy"]
            for m, score in found[part]["unimodal"].items():
                unimodal = stored[f"{protocol}/unimodal/{m}"]
                assert metrics.accuracy(unimodal, stored["label"]) == score


def test_the_weights_are_those_that_val_selects(run):
    finish(run)
    spec = run.spec()
    bundle = open_data(spec, Places(None))
    method = build_method(spec, bundle.spec)
    method.load_state_dict(torch.load(run.weights, weights_only=True))
    loader = trainer_of(spec).evaluation.test
    out, _ = collect(method, method.predict, loader)
    assert np.array_equal(out.logits.numpy(), np.load(run.predictions("test"))["val/logits"])


# A variant has its base's code, and tests/contracts stops every row in mid-run.
VARIANTS = {e.name for e in ENTRIES if e.base}
KILLED = [pytest.param(n, marks=pytest.mark.slow if n in VARIANTS else ()) for n in rows()]


@pytest.mark.parametrize("name", KILLED)
def test_of_the_same_seed_and_killed_at_random_moments_it_ends_with_the_same_bytes(name, tmp_path):
    assert compare_with_uninterrupted(tmp_path, name, seed=0, epochs=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("name", rows())
def test_killed_at_many_more_moments_it_ends_like_an_uninterrupted_run(name, seed, tmp_path):
    assert compare_with_uninterrupted(tmp_path, name, seed)


def stopped_after(run, steps):
    """Executes until the stop is asked for, after so many steps."""
    from bench.execute import execute

    calls = iter([False] * steps + [True] * 9)
    with pytest.raises(Stopped):
        execute(run, Places(run.path, device="cpu"), lambda: next(calls))


def test_a_stopped_run_says_so_and_goes_on(run, tmp_path):
    stopped_after(run, 10)
    assert run.state == "stopped"
    finish(run)
    whole = start(tmp_path / "whole", run.spec())
    finish(whole)
    assert outcome(run) == outcome(whole)


def test_checkpoints_are_apart_and_a_run_that_ends_between_them_goes_on_from_the_last(
    tmp_path, monkeypatch
):
    run, whole = (start(tmp_path / name, spec_of("joint", epochs=5)) for name in ("torn", "whole"))
    monkeypatch.setattr(journal, "EVERY", 60.0)
    written, save = [], checkpoint.save

    def noted(run, state):
        written.append(state["progress"]["done"])
        save(run, state)

    def torn(journal, row):
        assert row["epoch"] < 3
        add(journal, row)

    monkeypatch.setattr(checkpoint, "save", noted)
    finish(whole)
    assert written == [1, 5]
    add = journal.Journal.add
    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", torn)
        with pytest.raises(AssertionError):
            finish(run)
    assert written == [1, 5, 1] and len(run.rows()) == 3
    finish(run)
    assert written == [1, 5, 1, 2, 5] and equal(run, whole)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(run, tmp_path, damage):
    stopped_after(run, 18)  # two epochs are saved, and a step
    run.checkpoint.write_bytes(damage)
    progress = checkpoint.newest(run)["progress"]
    assert progress["done"] == 2 and progress["partial"] is None
    finish(run)
    whole = start(tmp_path / "whole", run.spec())
    finish(whole)
    assert outcome(run) == outcome(whole) and len(run.rows()) == 3


def test_a_run_without_any_readable_checkpoint_starts_anew(run):
    stopped_after(run, 18)
    run.checkpoint.write_bytes(b"")
    run.previous_checkpoint.unlink()
    finish(run)
    assert [r["epoch"] for r in run.rows()] == [0, 1, 2]


def test_a_torn_line_of_the_log_is_no_epoch(run):
    stopped_after(run, 18)
    with open(run.log, "a") as file:
        file.write('{"stage": "train", "epo')
    assert len(run.rows()) == 2
    finish(run)
    assert [r["epoch"] for r in run.rows()] == [0, 1, 2]


def test_a_checkpoint_of_other_data_is_not_gone_on_with(run):
    stopped_after(run, 10)
    state = checkpoint.newest(run) | {"data_hash": "f" * 64}
    checkpoint.save(run, state)
    with pytest.raises(TrainingFailed, match=r"made on other data .hash ffffffffffff"):
        finish(run)


def test_a_checkpoint_or_result_of_another_format_is_refused(run):
    finish(run)
    result = json.loads(run.result.read_text()) | {"format": 99}
    run.result.write_text(json.dumps(result))
    with pytest.raises(UserError, match=r"is of format version 99, this code reads 1"):
        run.result_json()
    run.checkpoint.write_bytes(checkpoint.dump({"format": 99}))
    with pytest.raises(UserError, match=r"is of format version 99, this code reads 2"):
        checkpoint.newest(run)


def test_an_unreadable_result_is_named(run):
    run.result.write_text('{"format": 1, ')
    with pytest.raises(UserError, match=r"result\.json is damaged: it is not a whole"):
        run.result_json()


def test_what_a_method_learned_is_in_the_result(tmp_path):
    run = start(tmp_path, spec_of("dimml", modalities=3, epochs=8))
    finish(run)
    effective, duc, certainty = run.result_json()["learned"]
    assert set(effective["values"]) == {"m0", "m1", "m2", "in all"}
    assert effective["values"]["in all"] <= min(effective["values"].values())
    assert [epoch for epoch, _ in duc["curve"]] == list(range(1, 8))  # from round(20/150 * 8) on
    logged = [row["duc"] for row in run.rows() if "duc" in row]
    assert [value for _, value in duc["curve"]] == logged
    assert sum(certainty["values"].values()) == pytest.approx(1)
    assert set(certainty["values"]) == {"m0", "m1", "m2", "fusion head"}


def test_a_method_is_silent_on_what_it_did_not_learn(tmp_path):
    run = start(tmp_path, spec_of("dimml-detached", epochs=8))
    finish(run)
    assert [p["title"] for p in run.result_json()["learned"]] == ["Certainty weights"]
