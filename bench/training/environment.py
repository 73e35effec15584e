"""Where and with what code a run was made: what a reviewer wants beside every number."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from bench import __version__
from bench.runs import arithmetic

PACKAGES = ("bench", "bench.methods", "bench.datasets")


def device_of(name: str) -> torch.device:
    """`auto` is a GPU if there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def environment(device: torch.device) -> dict[str, object]:
    """Versions, the device, the processor, and the arithmetic that the CPU's part was made with."""
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device.type,
        "device_name": named,
        "arithmetic": arithmetic.of_process(device.type, os.environ),
        "processor_family": processor_family(),
        "platform": platform.platform(),
    }


def processor() -> str:
    """The processor's model as Linux names it, else the machine type."""
    return arithmetic.cpu_facts().get("model name") or platform.machine()


def processor_family() -> str:
    """Maker, family and model, and the widest instructions that torch would choose."""
    facts = arithmetic.cpu_facts()
    parts = [facts[key] for key in ("vendor_id", "cpu family", "model") if key in facts]
    widest = [name for name in ("avx512f", "avx2") if name in facts.get("flags", "").split()]
    return " ".join([platform.machine(), *parts, *widest[:1]])


@cache
def code_version() -> dict[str, object]:
    """The release, the commit where there is one, and 12 hex digits over the sources."""
    digest, files = hashlib.sha256(), {}
    for package in PACKAGES:  # a checkout has them side by side, an installation below one another
        folder = Path(find_spec(package).submodule_search_locations[0])
        names = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*")}
        files |= {f"{package.replace('.', '/')}/{name}": file for name, file in names.items()}
    for name in sorted(files):
        if files[name].suffix in (".py", ".yaml"):
            digest.update(name.encode() + b"\0")
            digest.update(files[name].read_bytes() + b"\0")
    return {"version": __version__, "commit": commit(), "source": digest.hexdigest()[:12]}


def commit() -> str | None:
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
