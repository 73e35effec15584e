"""The golden tests themselves: they pass on other files of the same kinds, made here by plain
formulas, and fail when any value that they look at is wrong."""

from inspect import signature
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from tests.golden import (
    made,
    made_amss,
    made_aug,
    made_cggm,
    made_forward,
    made_g2d,
    made_gblend,
    made_gradients,
    made_greedy,
    made_head_alone,
    made_inforeg,
    made_lfm,
    made_linear_head,
    made_mcr,
    made_metrics,
    made_midas,
    made_pmr,
    made_samples,
    made_schedules,
    made_stats,
    made_umt,
    test_agm,
    test_amco,
    test_amss,
    test_arl,
    test_aug,
    test_cggm,
    test_cml,
    test_dgl,
    test_dimml,
    test_g2d,
    test_gblend,
    test_greedy,
    test_inforeg,
    test_lfm,
    test_mbsd,
    test_mcr,
    test_metrics_balance,
    test_metrics_calibration,
    test_metrics_classification,
    test_metrics_complexity,
    test_metrics_robustness,
    test_metrics_stats,
    test_midas,
    test_mla,
    test_mmcosine,
    test_mmpareto,
    test_mses,
    test_mslr,
    test_ogm,
    test_ogm_ge,
    test_opm,
    test_pmr,
    test_reconboost,
    test_relearning,
    test_remix,
    test_umt,
    test_valuation,
)
from tests.golden.files import Golden, tensor
from tests.helpers.commands import Command

MAKERS = {
    "ogm": (test_ogm, made.ogm),
    "ogm_ge": (test_ogm_ge, made.ogm_ge),
    "pmr": (test_pmr, made_pmr.pmr),
    "inforeg": (test_inforeg, made_inforeg.inforeg),
    "amss": (test_amss, made_amss.amss),
    "mmcosine": (test_mmcosine, made_forward.mmcosine),
    "opm": (test_opm, made_forward.opm),
    "greedy": (test_greedy, made_greedy.greedy),
    "amco": (test_amco, made_forward.amco),
    "umt": (test_umt, made_umt.umt),
    "g2d": (test_g2d, made_g2d.g2d),
    "gblend": (test_gblend, made_gblend.gblend),
    "mbsd": (test_mbsd, made_linear_head.mbsd),
    "mcr": (test_mcr, made_mcr.mcr),
    "cml": (test_cml, made_linear_head.cml),
    "relearning": (test_relearning, made_schedules.relearning),
    "reconboost": (test_reconboost, made_schedules.reconboost),
    "mla": (test_mla, made_schedules.mla),
    "aug": (test_aug, made_aug.aug),
    "lfm": (test_lfm, made_lfm.lfm),
    "valuation": (test_valuation, made_samples.valuation),
    "remix": (test_remix, made_samples.remix),
    "midas": (test_midas, made_midas.midas),
    "mses": (test_mses, made_schedules.mses),
    "dimml": (test_dimml, made.dimml),
    "agm": (test_agm, made_gradients.agm),
    "mmpareto": (test_mmpareto, made_gradients.mmpareto),
    "mslr": (test_mslr, made_gradients.mslr),
    "dgl": (test_dgl, made_head_alone.dgl),
    "arl": (test_arl, made_head_alone.arl),
    "cggm": (test_cggm, made_cggm.cggm),
    "metrics_stats": (test_metrics_stats, made_stats.metrics_stats),
    "metrics_classification": (test_metrics_classification, made_metrics.metrics_classification),
    "metrics_balance": (test_metrics_balance, made_metrics.metrics_balance),
    "metrics_calibration": (test_metrics_calibration, made_metrics.metrics_calibration),
    "metrics_robustness": (test_metrics_robustness, made_metrics.metrics_robustness),
    "metrics_complexity": (test_metrics_complexity, made_metrics.metrics_complexity),
}
NAMED = "test_what_is_not_ours"  # skips keys by name, always
NAMES = (("left", "right"), ("touch", "depth_map", "text"))
PARAMETERS = ("weight", "bias")
# Keys that no test reads, or that are given and expected at once.
UNNOTICED = {
    "ogm": {"step_coeff"},
    "ogm_ge": {"coeff"},
    "pmr": {"tie_alpha", "tie_mu"},
    "inforeg": set(),
    # A class that no sample has tells nothing, NaN stays NaN when spoiled, and units are drawn
    # in any order.
    "amss": {
        *(f"{case}_classes" for case in ("few", "none", "many")),
        "none_ratio",
        "none_released_ratio",
        "none_temperature",
        "conv_drawn",
        "linear_drawn",
    },
    "mmcosine": {"M", "valid_grad_rows0", "valid_grad_W"},  # the latter are all true
    "opm": {"M"},
    "greedy": set(),
    "amco": {"M", "case1_dependent"},  # in that case none is
    "umt": {"M"},
    "g2d": {"schedule_none"},  # everything learns in every epoch
    "gblend": set(),
    "mbsd": set(),
    "mcr": {"odd_con", "odd_tau"},  # of widths that are not compared
    "cml": set(),
    "relearning": {
        f"init.{m}_net.bn.{k}"
        for m in NAMES[0]
        for k in ("running_mean", "running_var", "num_batches_tracked")
    },
    # The released code prints a term that it does not train.
    "reconboost": {"traj_stage1_loss", "traj_stage2_loss"},
    "mla": set(),
    "aug": {"b1_lam"},  # a single block has nothing before it
    "lfm": set(),
    "valuation": {"subset", "modality_index", "modality_drop"},  # as drawn, in any order
    # No gradient is NaN, spoiled or not; a batch norm takes its convolution's bias away.
    "remix": {
        *(f"{m}_batch_grad_head_{n}_{k}" for m, n in permutations(NAMES[0]) for k in PARAMETERS),
        f"trace_p_{NAMES[0][1]}_net_conv_bias",
    },
    # Who is weak, and its weight, are not ours.
    "midas": {"m2_ref_weak", "m2_ref_alpha_next"},
    "mses": set(),
    "dimml": set(),
    "agm": set(),
    "mmpareto": {"n_pairs", "pair_n_tensors"},
    "mslr": set(),
    "dgl": set(),
    "arl": set(),
    "cggm": set(),
    "metrics_classification": {"n_classes"},
    "metrics_stats": set(),
    "metrics_balance": set(),
    "metrics_calibration": set(),
    "metrics_robustness": set(),
    "metrics_complexity": set(),
}


def checks(name):
    """(function, its arguments but `golden`) of every golden test of a file."""
    module, _ = MAKERS[name]
    found = [f for n, f in vars(module).items() if n.startswith("test_") and n != NAMED]
    for f in found:
        marks = [m for m in getattr(f, "pytestmark", []) if m.name == "parametrize"]
        if not marks:
            yield f, {}
        for mark in marks:
            names, rows = mark.args
            single = isinstance(names, str)
            for row in rows:
                yield f, {names: row} if single else dict(zip(names, row, strict=True))


def skips(golden, several):
    """Runs golden tests: the names of those that are skipped -> the reason."""
    found = {}
    for check, arguments in several:
        with pytest.MonkeyPatch.context() as patch:
            if "monkeypatch" in signature(check).parameters:
                arguments = arguments | {"monkeypatch": patch}
            try:
                check(golden, **arguments)
            except pytest.skip.Exception as skipped:
                found[check.__name__] = str(skipped)
    return found


class Noted(dict):
    """Arrays of a golden file that note which of them are read."""

    def __init__(self, arrays):
        super().__init__(arrays)
        self.read = set()

    def __getitem__(self, key):
        self.read.add(key)
        return super().__getitem__(key)


def in_memory(name, arrays):
    return Golden(name, Noted({k: tensor(np.asarray(a)) for k, a in arrays.items()}))


def readers(name, arrays):
    """key -> the golden tests of a file that read its array, those that read least first."""
    reads = []
    for check in checks(name):
        golden = in_memory(name, arrays)
        assert not skips(golden, [check])
        reads.append((check, golden.arrays.read))
    reads.sort(key=lambda pair: len(pair[1]))
    return {key: [check for check, read in reads if key in read] for key in arrays}


def written(folder, name, arrays):
    np.savez(folder / f"{name}.npz", **arrays)
    return Golden.open(folder / f"{name}.npz")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("name", MAKERS)
def test_other_shapes_seeds_and_modalities_pass(tmp_path, name, names, seed):
    assert not skips(written(tmp_path, name, MAKERS[name][1](names, seed)), checks(name))


def spoiled(array):
    """Another array of the same kind."""
    if array.dtype.kind == "f":
        return 0.37 - 1.5 * array
    return np.roll(array, 1) if array.size > 1 else array + 1


def passes(golden, several):
    try:
        skips(golden, several)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("name", MAKERS)
def test_every_wrong_value_is_noticed(name):
    """By one of the golden tests that read it: the others cannot tell."""
    arrays = MAKERS[name][1](NAMES[0], 1)
    unnoticed = {
        key
        for key, several in readers(name, arrays).items()
        if passes(in_memory(name, arrays | {key: spoiled(arrays[key])}), several)
    }
    assert unnoticed == UNNOTICED[name]


@pytest.mark.parametrize(
    ("name", "prefix", "skipped", "reason"),
    [
        ("ogm", "step_", 3, "lacks step_param.*"),
        ("ogm", "m3_coeff", 1, "lacks m3_coeff"),
        ("ogm_ge", "step_torch_seed", 1, "lacks step_torch_seed"),
        ("dimml", "clw_", 2, "lacks clw_logits, clw_temperature"),
        ("dimml", "duc_loss", 1, "lacks duc_loss"),
        ("dimml", "hit_rate_", 2, "lacks hit_rate_left"),
        ("metrics_classification", "macro_f1_support_", 1, "lacks macro_f1_support_output"),
    ],
)
def test_what_a_file_lacks_is_skipped_by_name(tmp_path, name, prefix, skipped, reason):
    arrays = MAKERS[name][1](NAMES[0], 1)
    part = {k: v for k, v in arrays.items() if not k.startswith(prefix)}
    found = skips(written(tmp_path, name, part | {"unknown": np.zeros(2)}), checks(name))
    assert len(found) == skipped and all(reason in why for why in found.values()), found


def test_the_option_names_the_folder(tmp_path):
    """One file is right, one wrong, the others are not there."""
    right, wrong = made_metrics.metrics_classification(NAMES[1], 3), made.dimml(NAMES[1], 3)
    np.savez(tmp_path / "metrics_classification.npz", **right)
    wrong["duc_loss"] = wrong["duc_loss"] + 1e-6
    np.savez(tmp_path / "dimml.npz", **wrong)
    modules = ["dimml", "metrics_classification", "ogm"]
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in modules]
    options = ["-p", "no:cacheprovider", "--golden-dir", str(tmp_path)]
    process = Command(Path(__file__).parents[2], ["-q", "-rsf", *options, *files], "pytest")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    failed = [line for line in said.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1 and "test_duc_loss" in failed[0]
    assert "has no ogm.npz" in said
