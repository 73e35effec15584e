"""`pytest tests/golden --golden-dir DIR` checks another folder of golden files."""

from pathlib import Path

import pytest

from tests.golden.files import Golden


def pytest_addoption(parser):
    parser.addoption(
        "--golden-dir",
        metavar="DIR",
        help="folder of golden files to check instead of the one beside the tests",
    )


@pytest.fixture
def golden(request):
    """The golden file that the test's module names as FILE."""
    given = request.config.getoption("golden_dir", default=None)
    folder = Path(given) if given else Path(__file__).parent
    if not folder.is_dir():
        raise pytest.UsageError(f"--golden-dir {given}: there is no such folder.")
    return Golden.open(folder / request.module.FILE)
