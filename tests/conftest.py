import gc
import os

import pytest
import torch

from bench.runs import processes
from bench.training import journal
from tests.helpers import media
from tests.helpers.warm import START

os.environ.pop("COLUMNS", None)  # xdist says that its workers have a terminal of 80


def pytest_collection_finish():
    """What is loaded by now stays: collections of garbage pass it over, and forks share it."""
    gc.freeze()


@pytest.fixture(autouse=True)
def one_thread():
    """Results may differ in the last bits between thread counts; tests compare bits."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def every_epoch_has_a_checkpoint():
    """Tests' epochs take milliseconds, and what is killed is to go on from any of them."""
    journal.EVERY = 0


@pytest.fixture(scope="session", autouse=True)
def videos_are_encoded_once(tmp_path_factory):
    """By whichever of xdist's workers, whose folders lie beside one another."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    media.STORE[:] = [shared / "videos"]


@pytest.fixture
def warm(monkeypatch):
    """Processes that the suite starts are forks of one that has loaded what they need."""
    monkeypatch.setattr(processes, "subprocess", START)
