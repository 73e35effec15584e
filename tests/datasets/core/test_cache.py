"""Packed caches: nothing is packed twice, nothing damaged is read, nothing depends on the place."""

import json
import shutil

import numpy as np
import pytest
import torch

from bench.datasets.core.cache.format import CacheContent, Stream, content_hash
from bench.datasets.core.cache.store import Place, check_digests, read, write
from bench.datasets.features.adapter import Features
from bench.errors import UserError
from bench.runs.files import Unwritable
from tests.helpers.copies import feature_arrays, npy_folder
from tests.helpers.faults import Disk


def place(tmp_path, **settings):
    root = tmp_path / "raw"
    root.mkdir(exist_ok=True)
    return Place(tmp_path / "cache", "toy", 1, settings, root)


def content(constants=None, ids=("x", "y", "z"), step=2):
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    return CacheContent(
        ids=ids,
        labels=np.array([0, 1, 1]),
        groups=["g", "h", "g"],
        flags=np.array([0, 32, 0], dtype=np.uint32),
        arrays={"m": Stream((4,), values.dtype, lambda: iter([values[:step], values[step:]]))},
        constants=constants or {},
        sources=[],
        extras={"part": np.array([0, 1, 2])},
    )


def features(tmp_path, cache="cache", **settings):
    root = tmp_path / "mine"
    if not root.exists():
        npy_folder(root, feature_arrays())
    return Features(Features.Config(**settings), root), tmp_path / cache


def folder_of(cache):
    return next(p for p in cache.glob("*/*") if p.is_dir())


def test_what_was_packed_comes_back(tmp_path):
    packed = write(place(tmp_path), content())
    assert packed.ids == ("x", "y", "z") and packed.groups == ["g", "h", "g"]
    assert packed.flags.tolist() == [0, 32, 0]
    assert packed.column("labels").tolist() == [0, 1, 1]
    assert packed.column("part").tolist() == [0, 1, 2]
    torch.testing.assert_close(packed.inputs()["m"], torch.arange(12.0).reshape(3, 4))


def test_writing_to_an_opened_array_never_reaches_the_file(tmp_path):
    packed = write(place(tmp_path), content())
    packed.inputs()["m"].zero_()
    check_digests(packed)
    assert packed.inputs()["m"].sum() == 66


def test_the_data_hash_depends_on_content_alone(tmp_path):
    first = write(place(tmp_path), content())
    (tmp_path / "other").mkdir()
    assert write(place(tmp_path / "other", x=1), content(step=1)).hash == first.hash
    assert write(place(tmp_path, x=2), content({"floor": 1})).hash != first.hash
    assert write(place(tmp_path, x=3), content(ids=("x", "y", "w"))).hash != first.hash


def test_the_same_numbers_in_other_shapes_have_another_data_hash():
    array = {"dtype": "|u1", "shape": [3], "sha256": "a"}
    hashes = {
        content_hash("i", "l", {"m": array | more}, {})
        for more in ({}, {"shapes": "b"}, {"shapes": "c"}, {"bytes": 7})
    }
    assert len(hashes) == 3  # the size follows from the rest


def test_settings_and_root_name_different_caches(tmp_path):
    (tmp_path / "other").mkdir()
    paths = {place(tmp_path).path, place(tmp_path, x=1).path, place(tmp_path / "other").path}
    assert len(paths) == 3


def test_a_cache_that_another_process_finished_first_is_used(tmp_path):
    here = place(tmp_path)
    write(here, content())
    written = (here.path / "meta.json").stat().st_ino
    assert write(here, content()).hash == read(here.path).hash
    assert (here.path / "meta.json").stat().st_ino == written
    assert [p.name for p in here.path.parent.iterdir()] == [here.path.name]


def test_an_interrupted_preparation_leaves_nothing(tmp_path):
    def fails():
        yield np.zeros((2, 4), np.float32)
        raise KeyboardInterrupt

    broken = content()
    broken.arrays["m"] = Stream((4,), np.dtype("f4"), fails)
    with pytest.raises(KeyboardInterrupt):
        write(place(tmp_path), broken)
    assert list((tmp_path / "cache/toy").iterdir()) == []


def test_progress_is_told_in_samples(tmp_path):
    seen = []
    write(place(tmp_path), content(), seen.append)
    assert seen == ["m: 2 of 3 samples packed", "m: 3 of 3 samples packed"]


def test_a_cache_inside_the_raw_files_is_refused(tmp_path):
    adapter, _ = features(tmp_path)
    with pytest.raises(UserError, match="lies inside the raw files"):
        adapter.open(tmp_path / "mine" / "cache")
    assert not (tmp_path / "mine" / "cache").exists()


def test_a_second_opening_packs_nothing(tmp_path, monkeypatch):
    adapter, cache = features(tmp_path)
    first = adapter.open(cache)
    monkeypatch.setattr(Features, "content", lambda self: pytest.fail("packed again"))
    assert features(tmp_path)[0].open(cache).hash == first.hash


def test_a_touched_source_keeps_the_cache(tmp_path, monkeypatch):
    adapter, cache = features(tmp_path)
    adapter.open(cache)
    path = tmp_path / "mine/audio.npy"
    path.write_bytes(path.read_bytes())
    monkeypatch.setattr(Features, "content", lambda self: pytest.fail("packed again"))
    features(tmp_path)[0].open(cache)
    stored = {
        s["path"]: s for s in json.loads((folder_of(cache) / "meta.json").read_text())["sources"]
    }
    assert stored["audio.npy"]["mtime_ns"] == path.stat().st_mtime_ns


def test_a_cache_on_a_full_or_read_only_disk_is_read_although_its_source_was_touched(tmp_path):
    adapter, cache = features(tmp_path)
    before = adapter.open(cache)
    path = tmp_path / "mine/audio.npy"
    path.write_bytes(path.read_bytes())
    with Disk(cache, "full", 0):
        assert features(tmp_path)[0].open(cache).hash == before.hash


def test_a_full_disk_at_every_write_leaves_no_half_of_a_cache(tmp_path):
    adapter, cache = features(tmp_path)
    with Disk(cache) as disk:
        before = adapter.open(cache)
    assert len(disk.sites) > 10
    for at, site in enumerate(disk.sites):
        shutil.rmtree(cache, ignore_errors=True)
        with (
            Disk(cache, "full", at),
            pytest.raises(Unwritable, match=rf"^{cache}.* cannot be written: no space left"),
        ):
            features(tmp_path)[0].open(cache)
        assert not [p for p in cache.rglob("*") if p.is_file()], site
        assert features(tmp_path)[0].open(cache).hash == before.hash, site


def test_a_changed_source_is_packed_anew(tmp_path):
    adapter, cache = features(tmp_path)
    before = adapter.open(cache)
    arrays = feature_arrays()
    np.save(tmp_path / "mine/audio.npy", arrays["audio"] + 1)
    again = features(tmp_path)[0]
    assert "changed" in dict(again.check(cache).rows)["cache"]
    after = again.open(cache)
    assert after.hash != before.hash and after.digests == before.digests
    torch.testing.assert_close(
        after.parts["test"].inputs["audio"], torch.from_numpy(arrays["audio"] + 1)
    )
    assert [p.name for p in cache.glob("*/.*")] == []


@pytest.mark.parametrize(
    "spoil, why",
    [
        (lambda f: (f / "audio.bin").write_bytes(b"short"), "audio.bin has 5 bytes of 1200"),
        (lambda f: (f / "ids.txt").unlink(), "ids.txt is missing"),
        (lambda f: (f / "meta.json").write_text("{"), "meta.json cannot be read"),
        (lambda f: (f / "meta.json").write_text("[]"), "meta.json cannot be read"),
        (lambda f: (f / "meta.json").unlink(), "meta.json is missing"),
    ],
)
def test_a_damaged_cache_is_refused_with_its_remedy(tmp_path, spoil, why):
    adapter, cache = features(tmp_path)
    adapter.open(cache)
    spoil(folder_of(cache))
    with pytest.raises(UserError, match=f"{why}.*remove that folder"):
        features(tmp_path)[0].open(cache)


def test_check_finds_a_flipped_bit_that_opening_does_not_look_for(tmp_path):
    adapter, cache = features(tmp_path)
    adapter.open(cache)
    path = folder_of(cache) / "face.bin"
    raw = bytearray(path.read_bytes())
    raw[7] ^= 1
    path.write_bytes(raw)
    features(tmp_path)[0].open(cache)
    with pytest.raises(UserError, match=r"face.bin differs from its digest.*remove that folder"):
        features(tmp_path)[0].check(cache)


def test_another_format_of_cache_is_refused(tmp_path):
    path = write(place(tmp_path), content()).path
    meta = json.loads((path / "meta.json").read_text()) | {"format": 99}
    (path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="its format is not 1"):
        read(path)


def test_a_card_shows_sizes_digests_and_flags(tmp_path):
    adapter, cache = features(tmp_path)
    data = adapter.open(cache)
    rows = dict(adapter.check(cache).rows)
    assert rows["data hash"] == data.hash
    assert rows["digest of test"] == data.digests["test"]
    assert rows["audio"].startswith("60x5 float32, 0.0 MiB, sha256 ")
    lines = adapter.check(cache).text().splitlines()
    assert lines[0] == "Your own arrays" and any(line.endswith(data.hash) for line in lines)
    assert rows["train"] == "42 samples; by class 14 14 14"


def test_results_of_two_copies_in_two_places_can_be_compared(tmp_path):
    adapter, cache = features(tmp_path)
    first = adapter.open(cache)
    shutil.copytree(tmp_path / "mine", tmp_path / "elsewhere/mine")
    moved = Features(Features.Config(), tmp_path / "elsewhere/mine").open(cache)
    assert (moved.hash, moved.digests) == (first.hash, first.digests)
