"""What is said of a run's memory."""

import time

import numpy as np
import torch

from bench.training import memory as memory_module
from bench.training.memory import PeakMemory, status

CPU = torch.device("cpu")
SIZE = 64  # MiB, of what a test takes


def test_what_was_given_back_before_the_end_counts():
    with PeakMemory(CPU) as memory:
        before = status("RssAnon")
        taken = np.ones(SIZE * 2**17)
        memory.look()
        del taken
        assert memory.mib()["peak_anonymous_mib"] > before + 0.9 * SIZE


def test_a_mapped_file_is_nobodys_own(tmp_path):
    np.zeros(SIZE * 2**17).tofile(tmp_path / "x")
    with PeakMemory(CPU) as memory:
        before = memory.mib()
        mapped = np.memmap(tmp_path / "x", np.float64, "r")
        assert mapped.sum() == 0
        after = memory.mib()
    grown = {name: after[name] - before[name] for name in before if before[name] is not None}
    assert grown["peak_memory_mib"] > 0.5 * SIZE > grown["peak_anonymous_mib"]


def test_it_is_looked_at_while_others_work(monkeypatch):
    monkeypatch.setattr(memory_module, "LOOK", 0.001)
    with PeakMemory(CPU) as memory:
        end = time.monotonic() + 20
        while not memory.anonymous and time.monotonic() < end:
            time.sleep(0.001)
        assert memory.anonymous > 0
    assert not memory.watcher.is_alive()
