"""Suites: named lists of runs, YAML files here or anywhere else."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from bench.errors import UserError, unknown
from bench.wanted import Wanted, read_seeds

KEYS = ("name", "datasets", "methods", "seeds", "settings", "train", "network", "data")
RESERVED = ("runs", "reference", "figures", "submissions")  # folders of results/ with other uses


@dataclass(frozen=True)
class Suite:
    name: str
    wanted: Wanted


def names() -> list[str]:
    """Of the suites that are shipped."""
    return sorted(f.name.removesuffix(".yaml") for f in files(__name__).iterdir() if is_yaml(f))


def is_yaml(file) -> bool:
    return file.name.endswith(".yaml")


def read(suite: str) -> Suite:
    """A shipped suite by its name, or any by its path. Raises UserError for what is not one."""
    if suite in names():
        return parse(files(__name__).joinpath(f"{suite}.yaml").read_text(), suite)
    path = Path(suite)
    if not path.is_file():
        raise unknown(suite, "a suite", names(), "or give the path of a YAML file")
    return parse(path.read_text(), suite)


def parse(text: str, where: str) -> Suite:
    try:
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"suite {where} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(plain, dict):
        raise UserError(f"suite {where} is not a mapping with the keys {', '.join(KEYS)}.")
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
    wanted = Wanted(
        tuple(str(d) for d in listed(plain, "datasets", where)),
        tuple(method(item, where) for item in listed(plain, "methods", where)),
        read_seeds(plain.get("seeds", 5)),
        **maps,
    )
    return Suite(name, wanted)


def listed(plain: dict, key: str, where: str) -> list:
    if not isinstance(plain[key], list):
        raise UserError(f"{key!r} of suite {where} is a list, not {plain[key]!r}.")
    return plain[key]


def mapping(plain: dict, key: str, where: str) -> dict:
    value = plain.get(key) or {}
    if not isinstance(value, dict):
        raise UserError(f"{key!r} of suite {where} maps names to values, and is not {value!r}.")
    return value


def method(item: object, where: str) -> tuple[str, dict[str, object]]:
    """`joint`, or `{name: dimml, set: {temperature: 10}}`."""
    if isinstance(item, str):
        return item, {}
    known = isinstance(item, dict) and set(item) <= {"name", "set"} and "name" in item
    if not known or not isinstance(item.get("set", {}), dict):
        raise UserError(
            f"a method of suite {where} is a name or {{name: .., set: {{..}}}}, not {item!r}."
        )
    return str(item["name"]), dict(item.get("set", {}))
