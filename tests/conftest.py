import pytest
import torch

from bench.runs import processes
from tests.helpers.warm import START


@pytest.fixture(autouse=True)
def one_thread():
    """Results may differ in the last bits between thread counts; tests compare bits."""
    torch.set_num_threads(1)


@pytest.fixture
def warm(monkeypatch):
    """Processes that the suite starts are forks of one that has loaded what they need."""
    monkeypatch.setattr(processes, "subprocess", START)
