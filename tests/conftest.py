import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Results may differ in the last bits between thread counts; tests compare bits."""
    torch.set_num_threads(1)
