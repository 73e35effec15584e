"""Quantities of finished runs by name, from what the runs store."""

import json
import shutil

import numpy as np
import pytest

from bench import metrics
from bench.errors import UserError
from bench.metrics import calibration
from bench.report.quantities import IMPERFECTIONS, QUANTITIES
from bench.report.quantities.robustness import effective
from bench.report.quantities.truth import TRUTH
from bench.report.read.predictions import predictions
from bench.report.read.results import read
from bench.runs.rundir import RunDir
from tests.helpers.kills import finish, start
from tests.helpers.results import add
from tests.helpers.training import spec_of


def trained(folder, name="joint", modalities=3, **options):
    run = start(folder, spec_of(name, modalities, **options))
    finish(run)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("results"))


def value(run, name, protocol="val"):
    return QUANTITIES[name].value(read(run), protocol)


def test_every_quantity_of_a_joint_run_has_a_value(run):
    found = {name: value(run, name) for name in QUANTITIES}
    missing = {name for name, v in found.items() if v is None}
    of_real_data = set(TRUTH) | {"own_head", "step_ms", "reserved_memory_mib"}  # 14 steps, on a CPU
    assert missing == of_real_data
    for name, v in found.items():
        if v is not None:
            assert isinstance(v, dict) == QUANTITIES[name].modalities, name
            assert np.isfinite(list(v.values()) if isinstance(v, dict) else v).all(), name


def test_quantities_by_modality_name_the_modalities(run):
    for name, quantity in QUANTITIES.items():
        found = value(run, name)
        if quantity.modalities and found is not None:
            extra = {""} if name.startswith("kept_") else set()
            assert set(found) == {"m0", "m1", "m2"} | extra, name


def test_answers_are_scored_for_every_protocol(run):
    stored = np.load(run.predictions("test"))
    for protocol in ("val", "last", "test-best"):
        logits = stored[f"{protocol}/logits"]
        assert value(run, "accuracy", protocol) == metrics.accuracy(logits, stored["label"])
        assert value(run, "macro_f1", protocol) == metrics.macro_f1(logits, stored["label"])
        nll = calibration.negative_log_likelihood(logits, stored["label"])
        assert value(run, "nll", protocol) == nll


def test_what_needs_the_network_exists_for_its_protocol_alone(run):
    for name in ("mask", "shapley", "imbalance", "vrr", "kept_missing_zero", "cka", "joined_probe"):
        assert value(run, name, "val") is not None
        assert value(run, name, "test-best") is None
    assert value(run, "slice", "test-best") is not None  # from the stored answers


def test_the_temperature_is_fitted_on_validation(run):
    val, test = (predictions(run, "val", part) for part in ("val", "test"))
    fitted = calibration.temperature(val.logits, val.labels)
    assert value(run, "temperature") == fitted
    assert fitted != calibration.temperature(test.logits, test.labels)
    scaled = calibration.negative_log_likelihood(test.logits / np.float64(fitted), test.labels)
    assert value(run, "nll_scaled") == pytest.approx(scaled)
    assert value(run, "aurc_scaled") is not None


def test_shapley_values_are_efficient(run):
    subsets = {tuple(s["modalities"]): s["mask"] for s in run.result_json()["subsets"]}
    total = subsets["m0", "m1", "m2"] - subsets[()]
    assert sum(value(run, "shapley").values()) == pytest.approx(total)
    samples = sum(value(run, "sample_value").values())
    assert samples == pytest.approx(3 * value(run, "accuracy"))


def test_without_validation_there_is_no_temperature(tmp_path):
    one = trained(tmp_path, split="literature")
    assert value(one, "temperature", "last") is None and value(one, "ece_scaled", "last") is None
    assert value(one, "ece", "last") is not None and value(one, "mask", "last") is not None


def test_one_modality_has_no_balance(tmp_path):
    one = trained(tmp_path, "unimodal-m1")
    for name in ("shapley", "imbalance", "utilisation", "ogm_ratio", "cka", "vrr", "mismatched"):
        assert value(one, name) is None
    assert value(one, "mask") == value(one, "own_head") == {"m1": value(one, "accuracy")}


def test_of_some_sets_of_modalities_utilisation_is_known_and_shapley_values_are_not(run, tmp_path):
    """As of more than five modalities."""
    some = shutil.copytree(run.path, tmp_path.joinpath(*run.path.parts[-2:]))
    result = json.loads((some / "result.json").read_text())
    result["subsets"] = [s for s in result["subsets"] if s["modalities"] != ["m0"]]
    (some / "result.json").write_text(json.dumps(result))
    assert value(RunDir(some), "utilisation") == value(run, "utilisation")
    assert value(RunDir(some), "shapley") is None and value(run, "shapley") is not None


NEW = ("unimodal", "subsets", "mismatched", "robustness", "alignment", "norms", "gradient_cosine")


OLD_COST = ("epochs", "seconds", "parameters", "peak_memory_mib")


def test_an_older_result_has_dashes_and_nothing_breaks(tmp_path):
    one = trained(tmp_path)
    result = one.result_json()
    for key in NEW:
        del result[key]
    del result["probe"]["concatenation"]
    result["cost"] = {k: result["cost"][k] for k in OLD_COST}
    one.result.write_text(json.dumps(result))
    one.subsets.unlink()
    found = {name for name in QUANTITIES if value(one, name) is not None}
    assert {"accuracy", "macro_f1", "ece_scaled", "slice", "probe", "ogm_ratio"} <= found
    assert not found & {
        "mask",
        "shapley",
        "mismatched",
        "feature_norm",
        "vrr",
        "kept_missing_zero",
        "forward_flops",
        "step_ms",
    }
    for part in ("test", "val"):
        one.predictions(part).unlink()
    left = {name for name in QUANTITIES if value(one, name) is not None}
    assert left == {
        *("accuracy", "head", "slice", "probe", "parameters", "seconds", "peak_memory_mib")
    }


def test_a_result_that_only_has_what_tables_need_is_read(tmp_path):
    """And whoever makes such results for tests need not know of every quantity."""
    one = add(tmp_path, "x", accuracy=0.5, probe={"m0": 0.4})
    found = {name for name in QUANTITIES if value(one, name) is not None}
    assert found <= {"accuracy", "probe", "seconds", "parameters", "peak_memory_mib"}
    assert {"accuracy", "probe"} <= found


@pytest.mark.parametrize("name", ["subsets", "test"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name):
    one = trained(tmp_path)
    file = one.path / f"{name}.npz"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(UserError, match=rf"{name}\.npz is damaged .*remove result\.json beside it"):
        value(one, "vrr" if name == "subsets" else "ece")
    one.result.unlink()
    finish(one)
    assert value(one, "vrr") is not None


def test_effective_robustness_is_against_late_fusion_of_the_same_levels(run, tmp_path):
    joint, other = read(run), read(trained(tmp_path, "joint-uni"))
    for kind in IMPERFECTIONS:
        assert effective(joint, joint, kind) == 0
        curves = [r.evaluated.curves[kind, "m0"] for r in (other, joint)]
        shifted = np.array(curves[1]) + curves[0][0] - curves[1][0]
        expected = np.mean(np.array(curves[0]) - shifted)
        assert effective(other, joint, kind, "m0") == pytest.approx(expected)
    older = read(add(tmp_path, "x"))
    assert effective(joint, older, "missing_zero") is None
