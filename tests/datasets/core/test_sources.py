"""Raw files as a cache remembers them: single files, and folders of many."""

import os

import pytest

from bench.datasets.core.cache.sources import (
    ABSENT,
    PROBED,
    file_digest,
    look,
    source_of,
    unaltered,
)

COUNT = 100


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "clip"
    path.mkdir()
    for i in range(COUNT):
        (path / f"frame{i:03d}.jpg").write_text(f"picture {i:03d}")
    (path / "below").mkdir()
    return path


@pytest.mark.parametrize(
    "deed",
    [
        lambda folder: (folder / "frame050.jpg").unlink(),
        lambda folder: (folder / "frame050.jpg").rename(folder / "other.jpg"),
        lambda folder: (folder / "another.jpg").write_text("x"),
        lambda folder: (folder / "frame050.jpg").write_text("cut"),
        lambda folder: (folder / "frame000.jpg").write_text("picture xxx"),  # as long as before
    ],
)
def test_a_folders_digest_tells_names_sizes_and_some_content(folder, deed):
    before = file_digest(folder)
    assert file_digest(folder) == before
    deed(folder)
    assert file_digest(folder) != before


def test_few_files_of_a_folder_are_read_and_all_of_a_small_one(folder):
    names = [f"frame{i:03d}.jpg" for i in range(COUNT)]
    seen = {n for n in names if changed_by(folder, n)}
    assert PROBED <= len(seen) < 2 * PROBED
    for name in names[PROBED:]:
        (folder / name).unlink()
    assert all(changed_by(folder, name) for name in names[:PROBED])


def changed_by(folder, name):
    """Whether other content of the same length makes another digest."""
    before, text = file_digest(folder), (folder / name).read_text()
    (folder / name).write_text(text[::-1])
    after = file_digest(folder)
    (folder / name).write_text(text)
    return before != after


def test_a_folder_is_altered_when_files_come_go_or_are_renamed(folder):
    os.utime(folder, ns=(0, 0))  # the clock of a file system is coarse
    size, mtime = look(folder)
    assert size == sum(len(f"picture {i:03d}") for i in range(COUNT))
    assert unaltered(folder, size, mtime)
    (folder / "frame003.jpg").rename(folder / "frame999.jpg")
    assert not unaltered(folder, size, mtime)


def test_a_file_is_altered_by_size_or_time(tmp_path):
    path = tmp_path / "x"
    path.write_text("abc")
    known = look(path)
    assert unaltered(path, *known)
    os.utime(path, ns=(0, 0))
    assert not unaltered(path, *known)
    path.unlink()
    assert not unaltered(path, *known)


def test_what_is_not_there_is_unaltered_until_it_comes(tmp_path):
    source = source_of(tmp_path / "x", tmp_path)
    assert (source.size, source.sha256) == (ABSENT, "")
    assert unaltered(tmp_path / "x", source.size, source.mtime_ns)
    (tmp_path / "x").mkdir()
    assert not unaltered(tmp_path / "x", source.size, source.mtime_ns)
