"""Small sets of features as their owners distribute them, where they lie beside the project: the
data and the parts that the pages describe."""

from pathlib import Path

import pytest

from bench.config.settings import build
from bench.datasets import ENTRIES
from bench.datasets.core.files.download import digest_of
from bench.registry import load, lookup

SMALL = Path(__file__).parents[3] / "shared/data/small"
pytestmark = pytest.mark.skipif(not SMALL.is_dir(), reason=f"no sets of features in {SMALL}")
# Data hash, and of each part of the split `clean` how many samples it has and its digest.
KNOWN = {
    "ravdess": (
        "dd8b8f74d55c",
        {
            "train": (960, "d215efa22f86"),
            "val": (240, "54e79d2e8374"),
            "test": (240, "e2aa5e0dbf18"),
        },
    ),
}


def opened(name, cache, **settings):
    cls = load(lookup(ENTRIES, name, "data set").target)
    config = build(cls.Config, cls.complete(settings, SMALL / name), name)
    return cls(config, SMALL / name).open(cache)


@pytest.mark.parametrize("name", KNOWN)
def test_the_clean_split_is_the_one_that_is_described(name, tmp_path):
    data, (content, parts) = opened(name, tmp_path), KNOWN[name]
    assert data.hash.startswith(content) and data.overlaps == ()
    assert {p: (len(s), data.digests[p][:12]) for p, s in data.parts.items()} == parts


@pytest.mark.parametrize(
    "name, counts, shared",
    [],
)
def test_the_published_split_is_the_one_that_is_described(name, counts, shared, tmp_path):
    data = opened(name, tmp_path, split="literature")
    assert {part: len(split) for part, split in data.parts.items()} == counts
    assert [int(told.split()[0]) for told in data.overlaps] == ([shared] if shared else [])


@pytest.mark.parametrize("name", KNOWN)
def test_the_files_are_those_that_are_fetched(name):
    for item in load(lookup(ENTRIES, name, "data set").target).downloads:
        assert digest_of(SMALL / name / item.path, item.digest) == item.digest
