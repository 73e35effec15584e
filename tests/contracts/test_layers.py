"""Who may import whom, what is light, and what no file may name: told by folders, not files."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from bench import datasets, methods
from bench.networks import ENCODERS

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "methods", "datasets")
FILES = [p.relative_to(ROOT) for d in FOLDERS for p in sorted((ROOT / d).rglob("*.py"))]
BENCH, METHODS, DATASETS = ([p for p in FILES if p.parts[0] == d] for d in FOLDERS)
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
# Modules that load no torch before something is computed.
LIGHT = (
    *("configure", "report", "runner", "datasets", "runs", "suites", "presets"),
    *("config", "metrics", "registry", "types", "seeds", "errors"),
)
# Below a room: what only its users, or those above them, may import.
INSIDE = {
    "report": (
        ("write", "page", "export", "frame"),
        ("figures", "comparison"),
        ("tables",),
        ("quantities",),
        ("read", "stats"),
    ),
    "runner": (("slurm",), ("local",), ("pool", "progress"), ("nursery",), ("worker",)),
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


@cache
def text_of(path):
    return (ROOT / path).read_text()


@cache
def tree_of(path):
    return ast.parse(text_of(path))


def imports(path):
    """What a file imports at its top: work inside functions may be lazy."""
    for node in tree_of(path).body:
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{a.name}" for a in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names)


def inside(name, package):
    return name == package or name.startswith(package + ".")


@cache
def ours(path):
    return [name for name in imports(path) if inside(name, "bench")]


def wrong_imports(files, wrong):
    """Of the suite's own modules: wrong says it of a file and a name it imports."""
    return [f"{path} imports {name}" for path in files for name in ours(path) if wrong(path, name)]


def test_imports_point_down_the_house():
    def wrong(path, name):
        own, other = room(module(path)), room(name)
        return own in FLOOR and other in FLOOR and own != other and FLOOR[own] >= FLOOR[other]

    assert not wrong_imports(FILES, wrong)


def test_every_room_has_its_floor():
    rooms = {p.relative_to(ROOT / "bench").parts[0] for p in (ROOT / "bench").glob("*")}
    rooms = {r.removesuffix(".py") for r in rooms} - {"__init__", "__pycache__"}
    assert rooms | {"methods", "datasets"} == set(FLOOR)


def test_imports_point_down_inside_a_room():
    def wrong(path, name):
        own, *below = module(path).split(".")[1:] or [""]
        floors = {part: i for i, parts in enumerate(INSIDE.get(own, ())) for part in parts}
        other = name.split(".")[2] if room(name) == own and name.count(".") > 1 else ""
        inner = below and below[0] in floors and other in floors and other != below[0]
        return inner and floors[below[0]] >= floors[other]

    assert not wrong_imports(FILES, wrong)


def test_only_a_few_modules_know_the_tables():
    def wrong(path, name):
        own, other = room(module(path)), room(name)
        return other in ("methods", "datasets") and own not in TABLES and own != other

    assert not wrong_imports(FILES, wrong)


def test_a_method_file_imports_nothing_else_of_the_suite():
    def wrong(path, name):
        allowed = {"methods/__init__.py": "bench.methods.rows"}.get(str(path), "bench.method")
        return not inside(name, "bench.registry" if path.parent.name == "rows" else allowed)

    assert not wrong_imports(METHODS, wrong)


def test_data_sets_do_not_import_one_another_and_core_knows_none():
    def wrong(path, name):
        parts = name.split(".")
        one = parts[1] == "datasets" and (ROOT / "datasets" / parts[2]).is_dir()
        return one and parts[2] not in (path.parts[1], "core")

    assert not wrong_imports(DATASETS, wrong)
    assert not [str(p) for p in DATASETS if any(inside(n, "torch.nn") for n in imports(p))]


def test_light_rooms_need_no_torch():
    """In one fresh process: whatever they import, and what that imports."""
    light = [module(p) for p in FILES if room(module(p)) in LIGHT]
    code = f"import sys\nfor name in {light}: __import__(name)\nprint([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "torchvision", "torchaudio"} & set(ast.literal_eval(done.stdout))
    assert not heavy


# What a run on the embedded data set needs nothing of, and torch, which training and `plan` need:
# of an act its name, code and those of them that are loaded. Training, in place of a worker its
# engine, is in a process of its own.
HEAVY = (
    *("sklearn", "scipy", "torchvision", "torchaudio", "pandas", "matplotlib"),
    *("sympy", "torch._dynamo", "torch"),
)
SMALL_RUN = f"""
import contextlib, io, os, sys
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

def do(name, act):
    with contextlib.redirect_stdout(io.StringIO()):
        code = act()
    print(name, code or 0, *(heavy for heavy in {HEAVY} if heavy in sys.modules), flush=True)

submit = ["submit", *words[1:], "--cluster", "local"]
do("dry", lambda: main([*words, "--dry"]))
do("dry sweep", lambda: main("sweep all --dataset digits,synthetic --dry".split()))
do("dry submit", lambda: main([*submit, "--dry"]))
if not (child := os.fork()):
    do("train", train)
    do("plan", lambda: main(["plan", "joint", "--dataset", "digits"]))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
do("again", lambda: main(words))
do("submit again", lambda: main(submit))
do("table", lambda: main(["table", "--results", str(results)]))
"""


def test_a_small_run_loads_no_library_that_it_does_not_use(tmp_path):
    """Each takes a second or two of every worker, longer than the training. What trains nothing
    loads none of them, though it asks every method what it can be set to."""
    command = [sys.executable, "-c", SMALL_RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *("dry 0", "dry sweep 0", "dry submit 0"),
        *("train 0 torch", "plan 0 torch"),
        *("again 0", "submit again 0", "table 0"),
    ]


def literals(path):
    """String constants that are not docstrings."""
    tree = tree_of(path)
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


def test_no_literal_names_a_modality():
    def wrong(path, text):
        drawing = path.is_relative_to("bench/report")
        return MODALITIES & set(re.findall(r"[a-z]+", text)) or (not drawing and text in ENGLISH)

    files = (*BENCH, *METHODS)
    assert not [f"{p}: {text!r}" for p in files for text in literals(p) if wrong(p, text)]


def test_no_literal_in_bench_names_a_method_or_data_set():
    names = {e.name for e in (*methods.ENTRIES, *datasets.ENTRIES)} - EXEMPT
    texts = [(path, text) for path in BENCH for text in literals(path)]
    assert not [f"{p}: {t!r}" for p, t in texts if names & set(re.split(r"[^\w-]+", t))]


def test_a_class_name_stands_for_one_class():
    """Of what users and authors read; each adapter and method has a Config of its own."""
    names = [n.name for path in FILES for n in tree_of(path).body if isinstance(n, ast.ClassDef)]
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


def test_files_stay_short():
    assert not [str(path) for path in FILES if len(text_of(path).splitlines()) > 300]


BANNED_CALLS = ("pickle.load", "yaml.load(", "weights_only=False", "allow_pickle=True")


def test_nothing_is_loaded_that_could_execute():
    assert not [(str(p), call) for p in FILES for call in BANNED_CALLS if call in text_of(p)]


STEPS = {"step", "loss", "adjust_gradients", "detached_step", "forward", "encode"}


def test_no_method_waits_for_the_device_in_a_step():
    waiting = []
    for path in METHODS:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef) and node.name in STEPS:
                calls = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                if calls & {"item", "cpu", "tolist", "numpy"}:
                    waiting.append(f"{path}: {node.name}")
    assert not waiting


READER = "bench/config/text.py"
# Files that this suite itself writes, or the system: nobody else's text is opened elsewhere.
OWN_TEXTS = {
    "bench/commands/streams.py",  # standard input
    "bench/training/memory.py",  # of the kernel
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
    for node in ast.walk(tree_of(path)):
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


def test_one_module_reads_the_texts_of_users():
    reading = {path.as_posix() for path in FILES if any(text_calls(path))} - {READER}
    assert not reading - OWN_TEXTS, f"read it with {READER}"
    assert not OWN_TEXTS - reading, "they read no text any more: take them from the list"
