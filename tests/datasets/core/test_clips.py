"""Adapters of media data sets: what is left out is said, strict refuses it, progress is shown."""

import io
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import datasets
from bench.__main__ import main
from bench.config.settings import knob
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.prepare.progress import Meter, line
from bench.datasets.core.splits.lists import ListedSample, assemble
from bench.datasets.core.usual_faults import stand_in
from bench.errors import UserError
from bench.registry import DatasetEntry
from bench.types import DatasetSpec, Modality, Ragged
from tests.helpers.media import POINTER, write_pointer
from tests.helpers.toy_clips import Toy, names, raw_files


class ToyAdapter(MediaAdapter):
    """Even samples of the first twenty train, odd ones validate, the last ten test."""

    name = "toy"
    title = "Toy"
    holds = "a folder with text/"

    @dataclass(frozen=True)
    class Config(MediaAdapter.Config):
        scale: int = knob(1)

    def settings(self):
        return {"scale": self.config.scale}

    def describe(self):
        return DatasetSpec("toy", 2, {"sound": Modality("sequence", (4, 1))})

    def clips(self):
        return Toy(self.raw().parent / "log", scale=self.config.scale).clips()

    def listed(self, files, stored):
        samples = [ListedSample(n, i // 2 % 2, n) for i, n in enumerate(stored.ids)]
        rows = {"train": samples[:20:2], "val": samples[1:20:2], "test": samples[20:]}
        return assemble("clean", ("even", "odd"), rows, ())


@pytest.fixture
def adapter(tmp_path):
    raw_files(tmp_path / "raw", 30)
    return ToyAdapter(ToyAdapter.Config(), tmp_path / "raw")


def place(i):
    return f"text/{names(30)[i]}.txt"


def spoil(adapter, i, text=None):
    path = adapter.root / place(i)
    path.write_text(text) if text is not None else path.unlink()


def test_a_bundle_has_the_parts_and_ragged_inputs(adapter, tmp_path):
    data = adapter.open(tmp_path / "cache")
    assert {p: len(s) for p, s in data.parts.items()} == {"train": 10, "val": 10, "test": 10}
    test = data.parts["test"]
    assert isinstance(test.inputs["sound"], Ragged)
    assert test.inputs["sound"][test.rows[3]].tolist() == [0, 1]  # clip 23 has 23 % 7 numbers
    assert test.ids == tuple(names(30)[20:]) and test.labels.tolist() == [0, 0, 1, 1] * 2 + [0, 0]
    assert data.problems == ()


def test_what_cannot_be_used_is_left_out_and_counted(adapter, tmp_path):
    spoil(adapter, 2)
    spoil(adapter, 24)
    spoil(adapter, 27, "bad")
    data = adapter.open(tmp_path / "cache")
    assert {p: len(s) for p, s in data.parts.items()} == {"train": 9, "val": 10, "test": 8}
    assert data.problems == (
        "3 of 30 samples are excluded: MISSING 2, UNDECODABLE 1 (-clip 02, -clip 24, -clip 27).",
        "train: 1 of 10 ids are not usable: MISSING 1.",
        "test: 2 of 10 ids are not usable: MISSING 1, UNDECODABLE 1.",
    )


def test_groups_and_equal_files_on_two_sides_are_told(adapter, tmp_path):
    spoil(adapter, 25, (adapter.root / "text/-clip 04.txt").read_text())
    assert adapter.open(tmp_path / "cache").notes == (
        "2 samples have a media file that one in another part has too.",
        "21 samples share a group with one in another part.",
    )
    rows = dict(adapter.check(tmp_path / "cache").rows)
    assert rows["flag DUP_MEDIA"] == "2 (-clip 04, -clip 25)"


def test_strict_names_every_offender_at_once(adapter, tmp_path):
    spoil(adapter, 2)
    spoil(adapter, 27, "bad")
    adapter.open(tmp_path / "cache")
    strict = ToyAdapter(ToyAdapter.Config(strict=True), adapter.root)
    with pytest.raises(UserError) as error:
        strict.open(tmp_path / "cache")
    assert str(error.value).startswith(
        "5 of 30 samples of toy are flagged and data.strict=true allows none: MISSING: -clip 02; "
        "UNDECODABLE: -clip 27; SHORT: -clip 05, -clip 15, -clip 25. "
    )


def test_strict_shares_the_cache(adapter, tmp_path):
    strict = ToyAdapter(ToyAdapter.Config(strict=True), adapter.root)
    assert strict.place(tmp_path).path == adapter.place(tmp_path).path


def test_a_card_before_and_after_preparing(adapter, tmp_path):
    spoil(adapter, 2)
    card = adapter.check(tmp_path / "cache")
    rows = dict(card.rows)
    assert rows["cache"] == "not prepared"
    assert rows["samples"] == "30; by class 15 15"
    assert rows["text files"] == "29 of 30, 0.0 MiB"
    assert card.problems == ["1 text files are missing (-clip 02)."]
    data = adapter.open(tmp_path / "cache")
    card = adapter.check(tmp_path / "cache")
    rows = dict(card.rows)
    assert rows["data hash"] == data.hash and rows["text files"] == "29 of 30, 0.0 MiB"
    assert rows["flag MISSING"] == "1 (-clip 02)"
    assert rows["excluded"] == "-clip 02: text/-clip 02.txt missing"
    assert rows["frames"].startswith("19 of 1-2x2x3-4x3 uint8, ")
    assert card.problems == list(data.problems) and len(card.problems) == 2


def test_a_cache_serves_after_its_root_is_gone(adapter, tmp_path):
    first = adapter.open(tmp_path / "cache")
    adapter.root.rename(tmp_path / "elsewhere")
    again = ToyAdapter(ToyAdapter.Config(), tmp_path / "raw")
    assert again.open(tmp_path / "cache").hash == first.hash


@pytest.mark.parametrize("name", ["sound.off.i64", "frames.shape.i64"])
def test_a_ragged_cache_without_its_tables_is_refused(adapter, tmp_path, name):
    adapter.open(tmp_path / "cache")
    path = adapter.place(tmp_path / "cache").path / name
    raw = bytearray(path.read_bytes())
    raw[8] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UserError, match=f"{name} differs from its digest"):
        adapter.check(tmp_path / "cache")
    path.unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        adapter.open(tmp_path / "cache")


@pytest.fixture
def command(adapter, tmp_path, monkeypatch):
    """`data ACTION toy` on the command line."""
    entry = DatasetEntry("toy", "tests.datasets.core.test_clips:ToyAdapter", "Toy", "text")
    monkeypatch.setattr(datasets, "ENTRIES", (*datasets.ENTRIES, entry))
    places = ["--root", str(adapter.root), "--cache", str(tmp_path / "cache")]
    return lambda action, *more: main(["data", action, "toy", *places, *more])


def test_prepare_tells_parts_exclusions_hash_and_speed(adapter, command, capsys):
    spoil(adapter, 24)
    assert command("prepare", "--workers", "2") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "toy: ready, split clean: 10 train, 10 val, 9 test"
    assert out[2] == "problem: test: 1 of 10 ids are not usable: MISSING 1."
    assert out[3].startswith("data hash ") and out[4].startswith("29 samples prepared in ")
    assert command("prepare") == 0
    assert "samples prepared" not in capsys.readouterr().out
    assert command("check") == 1
    assert "excluded" in capsys.readouterr().out


def test_what_is_missing_is_no_part_of_the_rate(adapter, command, capsys):
    texts = [path.read_text() for path in map(adapter.root.joinpath, map(place, range(30)))]
    for i in range(4, 30):
        spoil(adapter, i)
    assert command("prepare") == 2  # nothing is left of the test part
    adapter.root.joinpath(place(21)).write_text(texts[21])
    capsys.readouterr()
    assert command("prepare") == 0
    assert "1 samples prepared in " in capsys.readouterr().out
    spoil(adapter, 1)
    assert command("prepare") == 0
    assert "samples prepared" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a b", "a\nb", "ü 日本", "lat\udce9", "link", "read-only", "shm"])
def test_a_root_may_lie_anywhere_and_is_not_touched(adapter, tmp_path, command, capsys, name):
    assert command("prepare") == 0
    expected = [x for x in capsys.readouterr().out.splitlines() if x.startswith("data hash")]
    root = moved(adapter.root, name)
    before = seen(root)
    try:
        for action in ("check", "prepare", "check"):
            places = ["--root", str(root), "--cache", str(tmp_path / "other")]
            assert main(["data", action, "toy", *places]) == 0
        assert expected[0] in capsys.readouterr().out and seen(root) == before
    finally:
        if name == "shm":
            shutil.rmtree(root.parent)


def moved(root, name):
    """The same files elsewhere, or under a link."""
    if name == "link":
        root.with_name(name).symlink_to(root)
        return root.with_name(name)
    folder = Path(tempfile.mkdtemp(dir="/dev/shm")) if name == "shm" else root.with_name(name)
    shutil.copytree(root, folder / "raw")
    if name == "read-only":
        for path in [*(folder / "raw").rglob("*"), folder / "raw"]:
            path.chmod(0o555 if path.is_dir() else 0o444)
    return folder / "raw"


def seen(root):
    return {p: p.stat().st_mtime_ns for p in [root, *root.rglob("*")]}


def test_strict_on_the_command_line(command, capsys):
    assert command("prepare", "--set", "data.strict=true") == 2
    assert "SHORT: -clip 05, -clip 15, -clip 25" in capsys.readouterr().err


def test_workers_are_refused_where_they_mean_nothing(command, capsys):
    assert command("check", "--workers", "2") == 2
    assert command("prepare", "--workers", "0") == 2
    assert main(["data", "prepare", "digits", "--workers", "2"]) == 2
    err = capsys.readouterr().err
    assert err.count("--workers acts only where media files are prepared") == 2
    assert "--workers is at least 1, not 0" in err


def test_a_line_of_progress():
    assert line(312, 7442, 41.3) == "312 of 7442 samples, 41.3 per s, 2 min 53 s left"
    assert line(5, 50000, 2.0) == "5 of 50000 samples, 2.0 per s, 6 h 56 min left"
    assert line(0, 10, 0.0) == "0 of 10 samples, 0.0 per s, time left not known"


def test_lines_come_every_ten_seconds_and_count_this_sitting_alone():
    now, said = [0.0], []
    meter = Meter(said.append, clock=lambda: now[0])
    meter.begin(40, 100)
    for second in range(1, 31):
        now[0] = float(second)
        meter.update(40 + second)
    assert said == [
        "50 of 100 samples, 1.0 per s, 50 s left",
        "60 of 100 samples, 1.0 per s, 40 s left",
        "70 of 100 samples, 1.0 per s, 30 s left",
    ]
    assert meter.made == {"samples": (30, 30.0)}
    now[0] = 60.0
    meter.update(100)  # nothing is left to tell of
    meter.end()
    assert len(said) == 3


def test_a_terminal_gets_a_bar_and_lines_above_it():
    terminal, said = io.StringIO(), []
    meter = Meter(said.append, terminal)
    meter.begin(2, 8)
    meter.update(5)
    meter("a word")
    meter.end()
    meter("another")
    assert "5/8" in terminal.getvalue()
    assert "a word\n" in terminal.getvalue() and said == ["another"]


@pytest.mark.parametrize(
    "content, kind",
    [
        (POINTER.encode(), "Git LFS pointers"),
        (b"<!DOCTYPE html><p>quota", "web pages"),
        (b"\xef\xbb\xbf\n<HTML>", "web pages"),
        (b"404: Not Found", "web pages"),
        (b"", "empty"),
        (b"\n", "empty"),
    ],
)
def test_a_check_looks_into_the_files_that_it_counts(adapter, command, capsys, content, kind):
    for i in (3, 8, 12, 20):
        adapter.root.joinpath(f"text/{names(30)[i]}.txt").write_bytes(content)
    assert command("check") == 1
    [problem] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("problem: ")]
    named = "text/-clip 03.txt, text/-clip 08.txt, text/-clip 12.txt, ..."
    assert problem.startswith(f"problem: 4 of 30 text files are {kind} ({named}); ")


def test_a_check_does_not_wait_for_a_pipe(adapter, command, capsys):
    spoil(adapter, 3)
    os.mkfifo(adapter.root / f"text/{names(30)[3]}.txt")
    assert command("check") == 1
    assert "1 of 30 text files are no plain files" in capsys.readouterr().out


def test_a_folder_is_what_one_of_its_files_is(tmp_path):
    for i in range(100):
        (tmp_path / f"{i:02d}").write_bytes(b"\xff\xd8" * 200)
    assert stand_in(tmp_path) == ""
    write_pointer(tmp_path / "37")
    assert stand_in(tmp_path) == "Git LFS pointers"
