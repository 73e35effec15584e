"""The command line in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": "none", "OMP_NUM_THREADS": "1"}


def bench(folder, *words, wait=True):
    command = [sys.executable, "-m", "bench", *map(str, words)]
    options = {"cwd": folder, "env": environment(), "text": True}
    if not wait:
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(command, **pipes, **heed, **options)
    return subprocess.run(command, capture_output=True, timeout=300, **options)
