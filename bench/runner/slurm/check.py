"""Whether a cluster takes what cluster.yaml says: the scheduler itself is asked, key by key, with
the script that `submit` would hand over."""

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import UserError
from bench.runner.slurm.resources import READERS, Resources, SettingsSource, hours, resolve
from bench.runner.slurm.scheduler import answer, ask, rows
from bench.runner.slurm.script import script


@dataclass(frozen=True)
class Finding:
    key: str
    value: str
    source: str
    verdict: str
    good: bool | None  # None: could not be found out here


def check(sources: Sequence[SettingsSource]) -> list[Finding]:
    """One for each key that is set, as the last source sets it, and one for an array with all of
    them, and for the job without GPUs that caches data. Nothing is submitted.
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
    resources, findings = resolve(readable), []
    last = {key: source for source in sources for key in source.values}
    for key in (key for key in READERS if key in last):
        verdict = (wrong[key], False) if key in wrong else key_verdict(key, resources)
        findings.append(Finding(key, str(last[key].values[key]), last[key].name, *verdict))
    if all(one.good is not False for one in findings):
        findings.append(Finding("all", "", "", *asked(resources, tasks=2)))
        if resources.gpus_per_task and findings[-1].good:
            alone = replace(resources, gpus_per_task=None)
            findings.append(Finding("all", "without GPUs", "", *asked(alone)))
    return findings


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
    kept = ("partition", "account", key)
    return asked(Resources(**{name: getattr(resources, name) for name in kept}))


def asked(resources: Resources, tasks: int = 1) -> tuple[str, bool | None]:
    """What the scheduler says of a job, or an array, with these settings, without taking it."""
    if shutil.which("sbatch") is None:
        return "no sbatch on this machine: not checked", None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "submission.sh")
        cpus = resources.cpus or resources.pack
        file.write_text(script(Path(folder), resources, cpus, tasks=tasks))
        said = ask("sbatch", "--test-only", str(file))
    if said.code is None:
        return said.error, None
    return ("fine", True) if said.code == 0 else (said.refusal, False)


def accounting() -> bool:
    """Whether there are accounts; yes where nobody tells."""
    said = answer("scontrol", "show", "config") or ""
    return not re.search(r"^AccountingStorageType\s*=\s*accounting_storage/none", said, re.M)


def partition_limit(partition: str) -> int | None:
    """The longest time of its jobs in minutes, of the default partition without a name; None where
    there is no limit or nobody tells. Not every cluster refuses a job that is over it."""
    said = answer("sinfo", "--noheader", "--format=%P|%l") or ""
    for name, limit in rows("sinfo", r"(\S+)\|(\S+)", said):
        if name.removesuffix("*") == partition if partition else name.endswith("*"):
            match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
            days, whole, part, _ = (int(g or 0) for g in match.groups()) if match else (0,) * 4
            return (24 * days + whole) * 60 + part if match else None
    return None


def command_verdict(python: str) -> tuple[str, bool]:
    """Whether the first word is a program here."""
    try:
        word = shlex.split(python)[0]
    except ValueError as error:
        return f"not a command: {error}", False
    if shutil.which(word) is None:
        return f"{word} is not found on this machine", False
    return "fine", True


def shell_verdict(setup: Sequence[str]) -> tuple[str, bool]:
    """Whether bash can read the lines; they are not run."""
    done = subprocess.run(["bash", "-n"], input="\n".join(setup), capture_output=True, text=True)
    said = " ".join(done.stderr.split())
    return (said, False) if done.returncode else ("fine", True)
