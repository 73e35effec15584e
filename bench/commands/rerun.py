"""Commands that ask for given runs again. A command is only told if it asks for exactly these runs:
it is parsed and configured as if it were typed, and the digests are compared."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence

from bench import configure, datasets, suites
from bench.commands import request
from bench.config.experiment import Experiment
from bench.config.spec import RunSpec, fold_of
from bench.errors import UserError
from bench.registry import lookup
from bench.report.read.results import flatten
from bench.runs.rundir import RunDir

Parse = Callable[[list[str]], argparse.Namespace]
PROGRAM = "python -m bench"
FOLD = "data.fold="


def commands(parse: Parse, suite: str | None, runs: Sequence[RunDir]) -> tuple[list[str], str]:
    """The commands, and a sentence on runs that none was found for, or on what to fill in.

    parse: of the command line. suite: the name of the suite that has exactly these runs, if any.
    """
    specs = [run.spec() for run in runs if run.spec_file.exists()]
    for words in of_suite(suite, specs) if suite and len(specs) == len(runs) else ():
        if asks_for(parse, words, specs):
            return [written(words, specs)], place_note(specs)
    found, lost = of_groups(parse, specs)
    note = place_note(specs)
    if lost or len(specs) < len(runs):
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(lost)) or "runs without spec.json"
        note = (
            f"No command of this version of the code asks for exactly these: {names}. Their "
            f"settings stand above. {note}"
        )
    return [written(words, specs) for words in found], note.strip()


def of_suite(name: str, specs: Sequence[RunSpec]) -> Iterator[list[str]]:
    """Sweeps that could have made a suite of that name."""
    for known in suites.names():
        if name != known and not name.startswith(f"{known}-"):
            continue
        swept = ["sweep", known]
        if name != known:
            swept += ["--dataset", joined(s.dataset for s in specs)]
        epochs = {s.train.epochs for s in specs}
        yield [*swept, *seeds(specs)]
        if len(epochs) == 1:
            yield [*swept, *seeds(specs), "--epochs", str(*epochs)]


def of_groups(parse: Parse, specs: Sequence[RunSpec]) -> tuple[list[list[str]], list[str]]:
    """`run` for each group of configurations that differ from their defaults alike, and the methods
    that none was found for."""
    configurations: dict[tuple[str, str, str], list[RunSpec]] = {}
    for spec in specs:
        configurations.setdefault((spec.dataset, spec.method, spec.unfolded), []).append(spec)
    groups: dict[tuple, list[str]] = {}
    lost = []
    for (dataset, method, _), members in configurations.items():
        try:
            several = len({fold_of(s.data) for s in members}) > 1
            pairs = [p for p in deviations(members[0]) if not (several and p.startswith(FOLD))]
        except UserError:
            lost.append(method)
            continue
        tail = [*seeds(members), *(w for pair in pairs for w in ("--set", pair))]
        if asks_for(parse, ["run", "--method", method, "--dataset", dataset, *tail], members):
            groups.setdefault((dataset, *tail), []).append(method)
        else:
            lost.append(method)
    return [
        ["run", "--method", joined(found), "--dataset", dataset, *tail]
        for (dataset, *tail), found in groups.items()
    ], lost


def deviations(spec: RunSpec) -> list[str]:
    """`key=value` of everything that is not as the data set's recipe and the method have it."""
    experiment = Experiment((spec.dataset,), ((spec.method, {}),), (spec.seed,), roots=roots(spec))
    (usual,) = configure.specs(experiment)
    there, here = flatten(usual.to_json()), flatten(spec.to_json())
    return [
        f"{name.removeprefix('settings.')}={text(value)}"
        for name, value in here.items()
        if value != there.get(name)
        and name.partition(".")[0] in ("settings", "train", "network", "data")
    ]


def roots(spec: RunSpec) -> dict:
    return request.read_roots([], (spec.dataset,), request.saved_roots())


def text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def asks_for(parse: Parse, words: list[str], specs: Sequence[RunSpec]) -> bool:
    args = parse(words)
    try:
        experiment = (
            request.from_run(args) if words[0] == "run" else request.from_suite(args).experiment
        )
        asked = configure.specs(experiment)
    except UserError:
        return False
    return set(map(identity, asked)) == set(map(identity, specs))


def identity(spec: RunSpec) -> tuple:
    return spec.dataset, spec.method, spec.digest, spec.seed


def seeds(specs: Sequence[RunSpec]) -> list[str]:
    """And folds, where there is more than one."""
    folds = sorted({fold_of(s.data) for s in specs})
    folded = ["--folds", numbers(folds)] if len(folds) > 1 else []
    return ["--seeds", numbers(sorted({s.seed for s in specs})), *folded]


def numbers(chosen: list[int]) -> str:
    """As `--seeds` takes them."""
    if chosen == list(range(len(chosen))):
        return str(len(chosen))
    return ",".join(map(str, chosen)) + ("," if len(chosen) == 1 else "")


def joined(names) -> str:
    return ",".join(dict.fromkeys(names))


def written(words: Sequence[str], specs: Sequence[RunSpec]) -> str:
    """With a place for the raw files of the data sets that have some."""
    places = [name for name in raw(specs) if any(name in word.split(",") for word in words)]
    tail = [f"--root {name}=DIR" for name in map(shlex.quote, places)]
    return " ".join([PROGRAM, shlex.join(words), *tail])


def raw(specs: Sequence[RunSpec]) -> list[str]:
    """The data sets that have raw files."""
    names = dict.fromkeys(s.dataset for s in specs)
    found = []
    for name in names:
        try:
            if lookup(datasets.ENTRIES, name, "data set").needs_root:
                found.append(name)
        except UserError:
            continue
    return found


def place_note(specs: Sequence[RunSpec]) -> str:
    return "DIR is the folder of the owner's raw files." if raw(specs) else ""
