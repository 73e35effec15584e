"""Who may import whom, what is light, and what no file may name: told by folders, not files."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import datasets, methods
from bench.networks import ENCODERS

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "methods", "datasets")
FILES = [p.relative_to(ROOT) for d in FOLDERS for p in sorted((ROOT / d).rglob("*.py"))]
# Rooms from the roof down, those of one line beside one another: what is imported stands lower.
HOUSE = (
    ("__main__", "api"),
    ("commands",),
    ("execute", "perf"),
    ("configure",),
    ("evaluation",),
    ("training", "methods"),
    ("method",),
    ("passes", "networks", "loading"),
    ("report", "runner", "datasets"),
    ("runs", "suites", "presets"),
    ("config", "metrics"),
    ("registry", "types", "seeds"),
    ("errors",),
)
FLOOR = {room: i for i, rooms in enumerate(HOUSE) for room in rooms}
TABLES = {"__main__", "commands", "execute", "configure"}  # these know the tables
LIGHT = ("report", "runner", "runs", "suites", "presets", "config", "metrics", "registry", "errors")
# Below a room: what only its users, or those above them, may import.
INSIDE = {
    "report": (
        ("write", "page", "export", "frame"),
        ("figures", "comparison"),
        ("tables",),
        ("quantities",),
        ("read", "stats"),
    ),
    "runner": (("slurm",), ("local",), ("pool", "progress"), ("worker",)),
}
# Words that a kind of modality, a part of the code or of English is called.
EXEMPT = {"unimodal", "features", "joint", "image", "frames", "flow", "ensemble"}


def module(path):
    """`bench.methods.joint` for methods/joint.py: names as they are imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts if parts[0] == "bench" else ("bench", *parts)).removesuffix(".__init__")


def room(name):
    """Of a module: the second part of its name; empty for `bench` itself."""
    return f"{name}.".split(".")[1]


def imports(path):
    """What a file imports at its top: work inside functions may be lazy."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{a.name}" for a in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names)


def inside(name, package):
    return name == package or name.startswith(package + ".")


def ours(path):
    return [name for name in imports(path) if inside(name, "bench")]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down_the_house(path):
    own = room(module(path))
    for name in ours(path):
        other = room(name)
        if own in FLOOR and other in FLOOR and own != other:
            assert FLOOR[own] < FLOOR[other], f"{path} imports {name}"


def test_every_room_has_its_floor():
    rooms = {p.relative_to(ROOT / "bench").parts[0] for p in (ROOT / "bench").glob("*")}
    rooms = {r.removesuffix(".py") for r in rooms} - {"__init__", "__pycache__"}
    assert rooms | {"methods", "datasets"} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down_inside_a_room(path):
    own, *below = module(path).split(".")[1:] or [""]
    floors = {part: i for i, parts in enumerate(INSIDE.get(own, ())) for part in parts}
    for name in ours(path):
        other = name.split(".")[2] if room(name) == own and name.count(".") > 1 else ""
        if below and below[0] in floors and other in floors and other != below[0]:
            assert floors[below[0]] < floors[other], f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_a_few_modules_know_the_tables(path):
    own = room(module(path))
    for name in ours(path):
        if room(name) in ("methods", "datasets") and own not in TABLES:
            assert own == room(name), f"{path} imports {name}"


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "methods"], ids=str)
def test_a_method_file_imports_nothing_else_of_the_suite(path):
    allowed = {"methods/__init__.py": "bench.methods.rows"}.get(str(path), "bench.method")
    allowed = "bench.registry" if path.parent.name == "rows" else allowed
    assert all(inside(name, allowed) for name in ours(path))


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "datasets"], ids=str)
def test_data_sets_do_not_import_one_another_and_core_knows_none(path):
    own = path.parts[1]
    for name in ours(path):
        parts = name.split(".")
        if parts[1] == "datasets" and (ROOT / "datasets" / parts[2]).is_dir():
            assert parts[2] in (own, "core"), f"{path} imports {name}"
        assert not inside(name, "torch.nn"), f"{path} imports {name}"


def test_light_rooms_need_no_torch():
    """In one fresh process: whatever they import, and what that imports."""
    light = [module(p) for p in FILES if room(module(p)) in LIGHT]
    code = f"import sys\nfor name in {light}: __import__(name)\nprint([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "torchvision", "torchaudio"} & set(ast.literal_eval(done.stdout))
    assert not heavy


# What a run on the embedded data set needs nothing of. In place of a worker its engine, here.
HEAVY = (
    *("sklearn", "scipy", "torchvision", "torchaudio", "pandas", "matplotlib"),
    *("sympy", "torch._dynamo"),
)
SMALL_RUN = f"""
import contextlib, io, sys
from pathlib import Path
from bench import configure
from bench.__main__ import main
from bench.commands.parser import parser
from bench.commands.request import from_run
from bench.runner.worker import WorkerRequest, load
from bench.runs.places import Places
from bench.runs.rundir import place

results = Path(sys.argv[1])
words = "run --method joint --dataset digits --seeds 1 --device cpu --set train.epochs=1".split()
words += ["--results", str(results)]

def train():
    (spec,) = configure.specs(from_run(parser().parse_args(words)))
    run = place(results, spec)
    run.create(spec)
    places = Places(results / "cache", device="cpu")
    load(WorkerRequest([], places.to_json())).execute(run, bool)

acts = {{
    "dry": lambda: main([*words, "--dry"]),
    "plan": lambda: main(["plan", "joint", "--dataset", "digits"]),
    "train": train,
    "again": lambda: main(words),
}}
for name, act in acts.items():
    with contextlib.redirect_stdout(io.StringIO()):
        code = act()
    print(name, code or 0, *(heavy for heavy in {HEAVY} if heavy in sys.modules))
"""


def test_a_small_run_loads_no_library_that_it_does_not_use(tmp_path):
    """Each takes a second or two of every worker, longer than the training."""
    command = [sys.executable, "-c", SMALL_RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["dry 0", "plan 0", "train 0", "again 0"]


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


def test_a_class_name_stands_for_one_class():
    """Of what users and authors read; each adapter and method has a Config of its own."""
    trees = [ast.parse((ROOT / path).read_text()) for path in FILES]
    names = [n.name for tree in trees for n in tree.body if isinstance(n, ast.ClassDef)]
    assert not {name for name in names if names.count(name) > 1}


def test_the_tables_name_things_once_and_miss_no_file():
    for entries in (methods.ENTRIES, datasets.ENTRIES):
        names = [e.name for e in entries]
        assert len(set(names)) == len(names)
    used = {e.target.split(":")[0] for e in methods.ENTRIES}
    there = {module(p) for p in FILES if str(p.parent) == "methods"} - {"bench.methods"}
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


STEPS = {"step", "loss", "adjust_gradients", "detached_step", "forward", "encode"}


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "methods"], ids=str)
def test_no_method_waits_for_the_device_in_a_step(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef) and node.name in STEPS:
            calls = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
            assert not calls & {"item", "cpu", "tolist", "numpy"}, f"{path}: {node.name}"


READER = "bench/config/text.py"
# Files that this suite itself writes, or the system: nobody else's text is opened elsewhere.
OWN_TEXTS = {
    "bench/commands/streams.py",  # standard input
    "bench/training/environment.py",  # of the kernel
    "bench/runner/slurm/jobs.py",  # what a job printed
    "bench/runs/arithmetic.py",  # of the kernel
    "bench/runs/rundir.py",  # error.txt
    "bench/runs/processes.py",  # of the kernel
    "bench/report/page/__init__.py",  # style and script of the page
    "datasets/core/cache/store.py",  # the cache
    "datasets/core/cache/statistics.py",
    "datasets/core/prepare/build.py",
}


def text_calls(path):
    """What reads text or YAML: imports of yaml, the method `read_text`, `open` in text mode."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import) and any(a.name == "yaml" for a in node.names):
            yield "yaml"
        elif isinstance(node, ast.ImportFrom) and inside(node.module or "", "yaml"):
            yield node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".read_text"):
            yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("open", "io.open"):
            modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
            if not modes or (isinstance(modes[0], ast.Constant) and "b" not in modes[0].value):
                yield ast.unparse(node)


@pytest.mark.parametrize("path", [p for p in FILES if p.as_posix() != READER], ids=str)
def test_one_module_reads_the_texts_of_users(path):
    found = list(text_calls(path))
    if path.as_posix() in OWN_TEXTS:
        assert found, f"{path} reads no text any more: take it from the list"
    else:
        assert not found, f"{path}: read it with {READER}"
