"""Who may import whom, and what no file may name."""

import ast
import re
from pathlib import Path

import pytest

from bench import datasets, methods
from bench.networks import ENCODERS

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "methods", "datasets")
FILES = [p.relative_to(ROOT) for d in FOLDERS for p in sorted((ROOT / d).rglob("*.py"))]
TABLES = {"bench.configure", "bench.execute", "bench.commands", "bench.__main__"}
LIGHT = (
    *("bench.config", "bench.runs", "bench.runner", "bench.report", "bench.metrics"),
    *("bench.suites", "bench.presets", "bench.registry", "bench.errors"),
)
CORE = (
    "bench.method",
    "bench.loading.loaders",
    "bench.passes",
    "bench.networks",
    "bench.training.trainer",
)
# What a module may not import; the longest prefix that fits it decides.
FORBIDDEN = {
    "bench.types": ("bench",),
    "bench.loading.loaders": ("bench.method", "bench.passes", "bench.training.trainer"),
    "bench.networks": (
        "bench.method",
        "bench.loading.loaders",
        "bench.passes",
        "bench.training.trainer",
    ),
    "bench.method": ("bench.training.trainer", "bench.execute", "bench.runs.rundir"),
    "bench.passes": ("bench.training.trainer", "bench.execute", "bench.runs.rundir"),
    "bench.training.trainer": (
        "bench.execute",
        "bench.runs.rundir",
        "bench.report",
        "bench.runner",
    ),
    **dict.fromkeys(
        (
            "bench.evaluation.masking",
            "bench.evaluation.subsets",
            "bench.evaluation.robustness",
            "bench.evaluation.evaluate",
            "bench.evaluation.cost",
        ),
        ("bench.execute", "bench.runs.rundir", "bench.report", "bench.runner"),
    ),
    "datasets": (
        *CORE,
        "bench.execute",
        "bench.runs.rundir",
        "bench.report",
        "methods",
        "torch.nn",
    ),
    **dict.fromkeys(LIGHT, ("torch", "torchvision", "torchaudio", *CORE)),
}
# Words that a kind of modality, a part of the code or of English is called.
EXEMPT = {"unimodal", "features", "joint", "image", "frames", "flow", "ensemble"}


def module(path):
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    """What a file imports at its top: work inside functions may be lazy."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names)


def inside(name, package):
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down(path):
    ours = module(path)
    fitting = [key for key in FORBIDDEN if inside(ours, key)]
    for banned in FORBIDDEN[max(fitting, key=len)] if fitting else ():
        for name in imports(path):
            assert not inside(name, banned), f"{path} imports {name}"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "bench"], ids=str)
def test_only_a_few_modules_know_the_tables(path):
    if any(inside(module(path), known) for known in TABLES):
        return
    for name in imports(path):
        assert not inside(name, "methods") and not inside(name, "datasets"), f"{path}: {name}"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "methods"], ids=str)
def test_a_method_file_imports_nothing_else_of_the_suite(path):
    allowed = "bench.registry" if path.name == "__init__.py" else "bench.method"
    for name in imports(path):
        assert not inside(name, "bench") or inside(name, allowed), f"{path} imports {name}"


def literals(path):
    """String constants that are not docstrings."""
    tree = ast.parse((ROOT / path).read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


# Of the data sets that ship, and the field's usual ones. Some are English, or matplotlib's, too:
# those count only as a whole literal, and not in the drawing of figures.
MODALITIES = {"audio", "visual", "video", "rgb", "optical", "spoken"}
ENGLISH = {"left", "right", "text"}


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] != "datasets"], ids=str)
def test_no_literal_names_a_modality(path):
    drawing = path.is_relative_to("bench/report")
    for text in literals(path):
        assert not MODALITIES & set(re.findall(r"[a-z]+", text)), f"{path}: {text!r}"
        assert drawing or text not in ENGLISH, f"{path}: {text!r}"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "bench"], ids=str)
def test_no_literal_in_bench_names_a_method_or_data_set(path):
    names = {e.name for e in (*methods.ENTRIES, *datasets.ENTRIES)} - EXEMPT
    for text in literals(path):
        assert not names & set(re.split(r"[^\w-]+", text)), f"{path}: {text!r}"


def test_the_tables_name_things_once_and_miss_no_file():
    for entries in (methods.ENTRIES, datasets.ENTRIES):
        names = [e.name for e in entries]
        assert len(set(names)) == len(names)
    used = {e.target.split(":")[0] for e in methods.ENTRIES}
    there = {f"bench.{module(p)}" for p in FILES if p.parts[0] == "methods"} - {"bench.methods"}
    assert used == there


def test_encoders_are_chosen_by_kind_never_by_data_set():
    kinds = {"vector", "image", "spectrogram", "frames", "flow", "tokens", "sequence"}
    assert all(set(e.kinds) <= kinds for e in ENCODERS.values())


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_stay_short(path):
    assert len((ROOT / path).read_text().splitlines()) <= 300, path


BANNED_CALLS = ("pickle.load", "yaml.load(", "weights_only=False", "allow_pickle=True")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_loaded_that_could_execute(path):
    text = (ROOT / path).read_text()
    assert not any(call in text for call in BANNED_CALLS)


STEPS = {"step", "loss", "adjust_gradients", "detached_step", "alone_step", "forward", "encode"}


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "methods"], ids=str)
def test_no_method_waits_for_the_device_in_a_step(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef) and node.name in STEPS:
            calls = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
            assert not calls & {"item", "cpu", "tolist", "numpy"}, f"{path}: {node.name}"
