"""Presets: what a paper used for a method on a data set, YAML files here."""

from importlib.resources import files

from bench.config.text import read_yaml
from bench.errors import unknown
from bench.registry import MethodEntry

PARTS = ("settings", "train", "network", "data")


def names() -> list[str]:
    ours = (f.name for f in files(__name__).iterdir())
    return sorted(n.removesuffix(".yaml") for n in ours if n.endswith(".yaml"))


def read(preset: str) -> dict[str, dict[str, dict]]:
    """Method -> data set -> parts. Raises UserError for a preset that is not there."""
    if preset not in names():
        raise unknown(preset, "a preset", names())
    return read_yaml(files(__name__).joinpath(f"{preset}.yaml"))


def parts(preset: str, entry: MethodEntry, dataset: str) -> dict[str, dict]:
    """What the preset says of one method on one data set; empty parts where it says nothing."""
    known = read(preset) if preset else {}
    settings = known.get(entry.name, known.get(entry.base, {})).get(dataset, {})
    return {part: dict(settings.get(part) or {}) for part in PARTS}
