"""The command line, or another module, in a process of its own, which starts warm."""

import os
import subprocess
import tempfile
from pathlib import Path

from tests.helpers.warm import Fork

ROOT = Path(__file__).parents[2]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": "none", "OMP_NUM_THREADS": "1"}


class Command(Fork):
    """What it prints goes to files, which are read when it has ended."""

    def __init__(self, folder, words, module="bench", env=None):
        self.printed = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        with open(os.devnull) as nothing:
            files = [file.fileno() for file in (nothing, *self.printed)]
            words, env = list(map(str, words)), env or environment()
            super().__init__(module, words, env, files, cwd=folder)

    def communicate(self, timeout=None):
        self.wait(timeout)
        return [(file.seek(0), file.read().decode())[1] for file in self.printed]


def bench(folder, *words, wait=True):
    process = Command(folder, words)
    if not wait:
        return process
    said = process.communicate(timeout=300)
    return subprocess.CompletedProcess(words, process.returncode, *said)
