import pytest


@pytest.fixture(autouse=True)
def readers(warm):
    """The processes that read samples start warm."""
