"""Suites: named lists of runs, YAML files here or anywhere else."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from bench.config.experiment import Experiment, read_folds, read_seeds
from bench.config.text import parse_yaml, read_text
from bench.errors import UserError, unknown

KEYS = (
    *("name", "datasets", "methods", "seeds", "settings", "train", "network", "data"),
    *("folds", "ablation"),
)
RESERVED = ("runs", "reference", "figures", "submissions")  # folders of results/ with other uses


@dataclass(frozen=True)
class Suite:
    """ablation: what makes an ablation table of the suite, empty for a plain one; see below."""

    name: str
    experiment: Experiment
    ablation: dict[str, object] = field(default_factory=dict)


def names() -> list[str]:
    """Of the suites that are shipped."""
    return sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if is_yaml(f))


def is_yaml(file) -> bool:
    return file.name.endswith(".yaml")


def read(suite: str) -> Suite:
    """A shipped suite by its name, or any by its path. Raises UserError for what is not one."""
    if suite in names():
        return parse(read_text(files(__name__).joinpath(f"{suite}.yaml")).text, suite)
    path = Path(suite)
    if not path.is_file():
        raise unknown(suite, "a suite", names(), "or give the path of a YAML file")
    return parse(read_text(path).text, suite)


def parse(text: str, where: str) -> Suite:
    plain = parse_yaml(text, f"suite {where}")
    for key in plain:
        if key not in KEYS:
            raise unknown(str(key), f"a key of suite {where}", KEYS)
    for key in ("name", "datasets", "methods"):
        if not plain.get(key):
            raise UserError(f"suite {where} has no {key!r}; add it.")
    name = str(plain["name"])
    if name in RESERVED or not name.replace("-", "").replace("_", "").isalnum():
        raise UserError(
            f"suite {where} is named {name!r}: a suite's name is letters, numerals, - and _, and "
            f"not one of {', '.join(RESERVED)}."
        )
    maps = {key: mapping(plain, key, where) for key in ("settings", "train", "network", "data")}
    sets = [named(item, "data set", where) for item in listed(plain, "datasets", where)]
    experiment = Experiment(
        tuple(name for name, _ in sets),
        tuple(named(item, "method", where) for item in listed(plain, "methods", where)),
        read_seeds(plain.get("seeds", 5)),
        **maps,
        folds=read_folds(plain["folds"]) if "folds" in plain else (),
        own=tuple(own for _, own in sets),
    )
    return Suite(name, experiment, ablation(plain, [m for m, _ in experiment.methods], where))


def ablation(plain: dict, methods: list[str], where: str) -> dict[str, object]:
    """`full`, a method of the suite; `components`, name -> the methods that are without it; and
    `groups`, name -> methods, in table order. Raises UserError for anything else."""
    value = mapping(plain, "ablation", where)
    if not value:
        return {}
    for key in value:
        if key not in ("full", "components", "groups"):
            keys = ("full", "components", "groups")
            raise unknown(str(key), f"a key of the ablation of suite {where}", keys)
    parts = {key: mapping(value, key, where) for key in ("components", "groups")}
    used = [str(value.get("full"))]
    for key, part in parts.items():
        for name in part:
            used += listed(part, name, f"{where}, {key}")
    for name in used:
        if name not in methods:
            raise unknown(name, f"a method of suite {where}, whose ablation names it", methods)
    return {"full": used[0], **parts}


def listed(plain: dict, key: str, where: str) -> list:
    if not isinstance(plain[key], list):
        raise UserError(f"{key!r} of suite {where} is a list, not {plain[key]!r}.")
    return plain[key]


def mapping(plain: dict, key: str, where: str) -> dict:
    value = plain.get(key) or {}
    if not isinstance(value, dict):
        raise UserError(f"{key!r} of suite {where} maps names to values, and is not {value!r}.")
    return value


def named(item: object, what: str, where: str) -> tuple[str, dict[str, object]]:
    """`joint`, or `{name: dimml, set: {temperature: 10}}`, and a data set likewise."""
    if isinstance(item, str):
        return item, {}
    known = isinstance(item, dict) and set(item) <= {"name", "set"} and "name" in item
    if not known or not isinstance(item.get("set", {}), dict):
        raise UserError(
            f"a {what} of suite {where} is a name or {{name: .., set: {{..}}}}, not {item!r}."
        )
    return str(item["name"]), dict(item.get("set", {}))
