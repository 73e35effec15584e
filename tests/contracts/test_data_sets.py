"""Every row of the table of data sets, as a user meets it before there are any raw files."""

import ast
import subprocess
import sys
from importlib import import_module

import pytest

from bench.__main__ import main
from bench.config.settings import build
from bench.config.spec import NetworkConfig, TrainConfig
from bench.datasets import ENTRIES
from bench.datasets.core.recipes import recipe
from bench.registry import load
from tests.contracts.test_docs import ROOT
from tests.helpers.tinies import tiny_copy

DATASETS = ROOT / "datasets"
ROOTED = [e for e in ENTRIES if e.needs_root]


@pytest.fixture(autouse=True)
def nothing_known(tmp_path, monkeypatch, warm):
    """No roots.yaml, no caches."""
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MML_BENCH_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)


def call(capsys, *words):
    """Exit code, output, errors of a command."""
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return code, told.out, told.err


def rows(text, name):
    """The lines that begin with a name."""
    return [line for line in text.splitlines() if line.split()[:1] == [name]]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_it_is_listed_in_one_line(capsys, entry):
    code, out, _ = call(capsys, "list", "datasets")
    (row,) = rows(out, entry.name)
    assert code == 0 and entry.title in row and entry.modalities in row
    assert row.endswith("needs --root" if entry.needs_root else "embedded")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_doctor_says_what_it_misses(capsys, entry):
    code, out, _ = call(capsys, "doctor")
    (row,) = rows(out, entry.name)
    assert code == 0
    assert (f"give --root {entry.name}=DIR" if entry.needs_root else "ready: embedded") in row


@pytest.mark.parametrize("entry", ROOTED, ids=lambda e: e.name)
def test_without_a_root_one_sentence_says_what_it_holds(capsys, entry):
    code, out, err = call(capsys, "data", "check", entry.name)
    (line,) = err.splitlines()
    wanted = f"error: the data set {entry.name} needs raw files: give --root DIR, "
    assert code == 2 and not out
    assert line.startswith(wanted) and line.endswith(f"{load(entry.target).holds}.")


@pytest.mark.parametrize("entry", ROOTED, ids=lambda e: e.name)
def test_a_root_that_does_not_exist_is_named(capsys, entry, tmp_path):
    code, _, err = call(capsys, "data", "check", entry.name, "--root", tmp_path / "absent")
    (line,) = err.splitlines()
    assert code == 2 and f"{tmp_path / 'absent'} does not exist: give --root DIR" in line


@pytest.mark.parametrize("entry", ROOTED, ids=lambda e: e.name)
def test_a_root_of_something_else_is_a_mistake_or_a_problem(capsys, entry, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/notes.txt").write_text("nothing")
    code, out, err = call(capsys, "data", "check", entry.name, "--root", tmp_path / "raw")
    told = err.splitlines() if code == 2 else [x for x in out.splitlines() if "problem: " in x]
    assert code in (1, 2) and told and (code == 1 or len(told) == 1)


def test_what_is_embedded_needs_no_root(capsys):
    for entry in (e for e in ENTRIES if not e.needs_root):
        code, out, _ = call(capsys, "data", "check", entry.name)
        assert code == 0 and "digest of test" in out


@pytest.mark.parametrize("fault", ["missing", "label_noise"])
def test_faults_of_training_are_none_of_the_data_themselves(capsys, fault):
    code, out, err = call(capsys, "data", "check", "digits", "--set", f"data.{fault}=0.2")
    assert code == 2 and not out and f"data.{fault} is drawn when a run is trained" in err


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_row_adapter_recipe_and_documentation_agree(entry):
    adapter = load(entry.target)
    assert (adapter.name, adapter.title) == (entry.name, entry.title)
    found = recipe(entry.target)
    train = build(TrainConfig, found.get("train", {}), entry.name)
    assert not set(found.get("train", {})) & set(train.idle(train.epochs))
    build(NetworkConfig, found.get("network", {}), entry.name)
    assert found.get("seconds_per_epoch", 1) > 0
    pages = [ROOT / "docs/datasets.md", *(ROOT / "docs/datasets").glob("*.md")]
    assert any(f"`{entry.name}`" in p.read_text() or p.stem == entry.name for p in pages)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if tiny_copy(e)], ids=lambda e: e.name)
def test_its_tiny_copy_opens_and_then_needs_no_raw_files(entry, tmp_path, monkeypatch):
    root, cls = tmp_path / "raw", load(entry.target)
    tiny = import_module(tiny_copy(entry))
    if hasattr(tiny, "few_names"):  # of thousands that have no file in the copy
        tiny.few_names(monkeypatch)
    tiny.make(root)
    config = build(cls.Config, cls.complete({}, root), entry.name)
    data = cls(config, root).open(tmp_path / "cache")
    ids = [i for split in data.parts.values() for i in split.ids]
    assert len(set(ids)) == len(ids), "the default split shares samples between parts"
    assert set(data.spec.modalities) <= set(data.parts["train"].inputs)
    assert all(
        0 <= s.labels.min() <= s.labels.max() < data.spec.classes for s in data.parts.values()
    )
    root.rename(tmp_path / "elsewhere")
    again = cls(config, root).open(tmp_path / "cache")
    assert (again.hash, again.digests) == (data.hash, data.digests)


def test_what_reads_raw_files_loads_no_torch():
    readers = [f"bench.datasets.{p.parent.name}.reader" for p in DATASETS.glob("*/reader.py")]
    modules = ["bench.datasets.core.prepare.worker", "bench.datasets.core.decode.clip", *readers]
    assert len(readers) > 3
    script = "import sys, importlib\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"
    script += "\n    assert 'torch' not in sys.modules, name"
    command = [sys.executable, "-c", script, *sorted(modules)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_packages_below_datasets_import_nothing():
    for path in sorted(DATASETS.glob("*/**/__init__.py")):
        tree = ast.parse(path.read_text())
        assert len(tree.body) == (ast.get_docstring(tree) is not None), path
