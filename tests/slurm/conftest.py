import pytest

from tests.slurm.cluster import missing, started
from tests.slurm.user import User


@pytest.fixture(scope="session")
def cluster():
    """One cluster for each process of pytest: it is up within seconds."""
    why = missing()
    if why:
        pytest.skip(f"no real SLURM: {why}")
    with started() as running:
        yield running


@pytest.fixture
def user(cluster, tmp_path):
    return User(cluster, tmp_path)
