"""What a job asks of a cluster: the user's YAML files, under the options of the command line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import UserError, unknown

# Flags of sbatch that follow from other settings, and how those are called.
OURS = {
    "partition": "partition",
    "account": "account",
    "time": "time",
    "mem": "mem",
    "cpus-per-task": "cpus",
    "gpus": "gpus_per_task",
    "gpus-per-task": "gpus_per_task",
    "gpus-per-node": "gpus_per_task",
    "array": "array_parallelism",
}
FIXED = ("nodes", "ntasks", "ntasks-per-node", "output", "error", "job-name", "chdir", "signal")


@dataclass(frozen=True)
class Resources:
    """Of one array task, but for the last four. None or empty: the cluster's own default."""

    partition: str = ""
    account: str = ""
    time: int | None = None  # minutes
    gpus_per_task: int | None = None
    cpus: int | None = None  # None: as many as its runs have threads
    mem: float | None = None  # GB
    pack: int = 1  # runs that it works on side by side
    array_parallelism: int | None = None  # tasks at a time
    python: str = ""  # the command that starts Python there, as in a container; empty: this one
    setup: tuple[str, ...] = ()  # shell lines before it
    slurm: dict[str, str] = field(default_factory=dict)  # further flags of sbatch, and signal_delay


@dataclass(frozen=True)
class SettingsSource:
    """Settings as they were written: texts, lists of texts, and maps of texts."""

    name: str
    values: Mapping[str, object]


def read(file: Path) -> SettingsSource:
    """A YAML file of settings; numbers and times stay the texts that they are in it.

    Raises UserError if it is no mapping of known keys.
    """
    from bench.config.text import read_yaml  # YAML only for who has such a file

    values = read_yaml(file, texts=True)
    for key in values:
        if key not in READERS:
            raise unknown(key, f"a key of {file}", READERS)
    return SettingsSource(str(file), values)


def resolve(sources: Sequence[SettingsSource]) -> Resources:
    """The settings of all sources; a later one wins, key by key, also inside `slurm`.

    Raises UserError naming the source of a value that cannot be.
    """
    settings = {}
    for source in sources:
        for key, value in source.values.items():
            new = READERS[key](key, value, source.name)
            settings[key] = settings.get(key, {}) | new if key == "slurm" else new
    return Resources(**settings)


def text(key: str, value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value:
        raise UserError(f"{key} in {where} is a line of text, not {value!r}.")
    return value.strip()


def minutes(key: str, value: object, where: str) -> int:
    """`4:30` is four hours and a half; `2-12:00` two days and a half."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]\d)", value) if isinstance(value, str) else None
    if match is None or not any(map(int, filter(None, match.groups()))):
        raise UserError(
            f"{key} in {where} is hours and minutes, as 4:30 or 2-12:00 with days, not {value!r}."
        )
    days, hours, rest = (int(part or 0) for part in match.groups())
    return (24 * days + hours) * 60 + rest


def count(least: int) -> Callable[[str, object, str], int]:
    def reader(key: str, value: object, where: str) -> int:
        whole = isinstance(value, str) and value.isdecimal()
        if not whole or int(value) < least:
            raise UserError(f"{key} in {where} is a whole number from {least} on, not {value!r}.")
        return int(value)

    return reader


def gigabytes(key: str, value: object, where: str) -> float:
    match = re.fullmatch(r"\d+(\.\d+)?", value) if isinstance(value, str) else None
    if match is None or float(value) == 0:
        raise UserError(f"{key} in {where} is a number of GB, as 16 or 7.5, not {value!r}.")
    return float(value)


def lines(key: str, value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise UserError(f"{key} in {where} is a list of shell lines, not {value!r}.")
    return tuple(value)


def flags(key: str, value: object, where: str) -> dict[str, str]:
    """Flags of sbatch without their dashes; `_` and `-` are the same, an empty value is none."""
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise UserError(f"{key} in {where} maps flags of sbatch to values, and is not {value!r}.")
    by_name = {name.replace("_", "-"): setting for name, setting in value.items()}
    for name in by_name:
        if name in OURS:
            raise UserError(f"{key} in {where} sets {name!r}; that is `{OURS[name]}` here.")
        if name in FIXED or not re.fullmatch(r"[a-z][a-z-]*", name):
            raise UserError(
                f"{key} in {where} sets {name!r}, which is not a flag of sbatch that is free here."
            )
    if "signal-delay" in by_name:
        count(1)("signal_delay", by_name["signal-delay"], where)
    return by_name


READERS: dict[str, Callable[[str, object, str], object]] = {
    "partition": text,
    "account": text,
    "time": minutes,
    "gpus_per_task": count(0),
    "cpus": count(1),
    "mem": gigabytes,
    "pack": count(1),
    "array_parallelism": count(1),
    "python": text,
    "setup": lines,
    "slurm": flags,
}


def hours(time: int) -> str:
    """Minutes as `4:30`."""
    return f"{time // 60}:{time % 60:02}"
