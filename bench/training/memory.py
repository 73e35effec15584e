"""The memory that a run takes."""

import threading
from contextlib import suppress
from pathlib import Path

import torch

LOOK = 0.2  # seconds between two looks


class PeakMemory:
    """The most memory that is taken inside `with`."""

    def __init__(self, device: torch.device):
        self.device, self.anonymous = device, 0.0
        self.ended = threading.Event()
        self.watcher = threading.Thread(target=self.watch, name="memory", daemon=True)

    def __enter__(self) -> "PeakMemory":
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            with suppress(OSError):  # not Linux, or not allowed: it is then since the start
                Path("/proc/self/clear_refs").write_text("5")
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.watcher.join()

    def watch(self) -> None:
        """Linux keeps no largest anonymous memory as it does of the resident: a thread looks."""
        while not self.ended.wait(LOOK):
            self.look()

    def look(self) -> None:
        self.anonymous = max(self.anonymous, status("RssAnon") or 0.0)

    def mib(self) -> dict[str, float | None]:
        """Until now. peak_memory_mib: used by the device's allocator (reserved_memory_mib by it in
        all), or the process's largest resident set, where mapped files count as far as they were
        read. peak_anonymous_mib: the process's own, without those, as seen every LOOK seconds;
        what comes and goes between two looks is missed. None where the system does not tell.
        """
        self.look()
        peak = {"peak_memory_mib": status("VmHWM"), "reserved_memory_mib": None}
        if self.device.type == "cuda":
            used = torch.cuda.max_memory_allocated(self.device) / 2**20
            reserved = torch.cuda.max_memory_reserved(self.device) / 2**20
            peak = {"peak_memory_mib": used, "reserved_memory_mib": reserved}
        return peak | {"peak_anonymous_mib": self.anonymous or None}


def status(name: str) -> float | None:
    """What Linux says of this process's memory under that name, in MiB."""
    file = Path("/proc/self/status")
    if not file.exists():
        return None
    lines = file.read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)
