import os

import pytest
import torch

from bench.runs import processes
from tests.helpers.warm import START

os.environ.pop("COLUMNS", None)  # xdist says that its workers have a terminal of 80


@pytest.fixture(autouse=True)
def one_thread():
    """Results may differ in the last bits between thread counts; tests compare bits."""
    torch.set_num_threads(1)


@pytest.fixture
def warm(monkeypatch):
    """Processes that the suite starts are forks of one that has loaded what they need."""
    monkeypatch.setattr(processes, "subprocess", START)
