import pytest

from bench.runs import processes
from tests.helpers.warm import START


@pytest.fixture(scope="module", autouse=True)
def readers():
    """The processes that read samples start warm, those for the fixtures of a module too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "subprocess", START)
        yield
