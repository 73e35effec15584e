"""Whether a cluster takes what cluster.yaml says: the scheduler itself is asked, key by key."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UserError
from bench.runner.slurm.resources import READERS, Resources, SettingsSource, hours, resolve
from bench.runner.slurm.scheduler import PATIENCE, answer


@dataclass(frozen=True)
class Finding:
    key: str
    value: str
    source: str
    verdict: str
    good: bool | None  # None: could not be found out here


def check(sources: Sequence[SettingsSource]) -> list[Finding]:
    """One for each key that is set, as the last source sets it, and one for all of them together.

    Nothing is submitted.
    """
    wrong = {}
    for source in sources:
        for key, value in source.values.items():
            try:
                resolve([SettingsSource(source.name, {key: value})])
            except UserError as error:
                wrong[key] = str(error)
    readable = [
        SettingsSource(s.name, {k: v for k, v in s.values.items() if k not in wrong})
        for s in sources
    ]
    resources, found = resolve(readable), []
    last = {key: source for source in sources for key in source.values}
    for key in (key for key in READERS if key in last):
        verdict = (wrong[key], False) if key in wrong else key_verdict(key, resources)
        found.append(Finding(key, str(last[key].values[key]), last[key].name, *verdict))
    if all(one.good is not False for one in found):
        found.append(Finding("all", "", "", *asked(flags(resources))))
    return found


def key_verdict(key: str, resources: Resources) -> tuple[str, bool | None]:
    if key == "python":
        return command_verdict(resources.python)
    if key == "setup":
        return shell_verdict(resources.setup)
    if key in ("pack", "array_parallelism"):
        return "fine", True
    if key == "account" and not accounting():
        return "this cluster keeps no accounts: not checked", None
    limit = partition_limit(resources.partition) if key == "time" else None
    if limit is not None and resources.time > limit:
        return f"longer than the partition allows, {hours(limit)}", False
    wanted = flags(resources)
    frame = {name: value for name, value in wanted.items() if name in ("partition", "account")}
    return asked(frame | {n: v for n, v in wanted.items() if n in flags(only(key, resources))})


def only(key: str, resources: Resources) -> Resources:
    return Resources(**{key: getattr(resources, key)})


def flags(resources: Resources) -> dict[str, str]:
    """The flags of sbatch that the settings come to."""
    plain = {
        "partition": resources.partition,
        "account": resources.account,
        "time": resources.time,
        "gpus-per-node": resources.gpus_per_task,
        "cpus-per-task": resources.cpus,
        "mem": resources.mem and f"{round(1024 * resources.mem)}M",
    }
    known = {name: str(value) for name, value in plain.items() if value}
    return known | {n: v for n, v in resources.slurm.items() if n != "signal-delay"}


def asked(wanted: dict[str, str]) -> tuple[str, bool | None]:
    """What the scheduler says of a job with these flags, without taking it."""
    if shutil.which("sbatch") is None:
        return "no sbatch on this machine: not checked", None
    words = [f"--{name}={value}" if value else f"--{name}" for name, value in wanted.items()]
    command = ["sbatch", "--test-only", "--nodes=1", *words, "--wrap=true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"sbatch does not answer in {PATIENCE} s", None
    if done.returncode == 0:
        return "fine", True
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return " ".join(said).replace("sbatch: error: ", "").replace("sbatch: ", ""), False


def accounting() -> bool:
    """Whether there are accounts; yes where nobody tells."""
    said = answer("scontrol", "show", "config") or ""
    return not re.search(r"^AccountingStorageType\s*=\s*accounting_storage/none", said, re.M)


def partition_limit(partition: str) -> int | None:
    """The longest time of its jobs in minutes, of the default partition without a name; None where
    there is no limit or nobody tells. Not every cluster refuses a job that is over it."""
    said = answer("sinfo", "--noheader", "--format=%P|%l") or ""
    for line in said.splitlines():
        name, _, limit = line.strip().partition("|")
        if name.removesuffix("*") == partition or (not partition and name.endswith("*")):
            found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
            days, whole, part, _ = (int(g or 0) for g in found.groups()) if found else (0,) * 4
            return (24 * days + whole) * 60 + part if found else None
    return None


def command_verdict(python: str) -> tuple[str, bool]:
    """Whether the first word is a program here."""
    word = shlex.split(python)[0]
    if shutil.which(word) is None:
        return f"{word} is not found on this machine", False
    return "fine", True


def shell_verdict(setup: Sequence[str]) -> tuple[str, bool]:
    """Whether bash can read the lines; they are not run."""
    done = subprocess.run(["bash", "-n"], input="\n".join(setup), capture_output=True, text=True)
    said = " ".join(done.stderr.split())
    return (said, False) if done.returncode else ("fine", True)
