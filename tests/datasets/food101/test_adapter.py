"""UPMC Food-101 from raw files to inputs: images and titles arrive together, traps are passed."""

import json

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.core.decode.text import HashedWords
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.progress import Meter
from bench.datasets.food101.adapter import Food101
from bench.datasets.food101.splits import CLASSES
from bench.errors import UserError
from bench.runs.rundir import every
from tests.datasets.food101 import tiny
from tests.helpers.commands import bench
from tests.helpers.media import counter_of, write_jpeg, write_pointer

PIECES = "[PAD]\n[UNK]\nhot\ndog\nby\ncook\n"


def adapter(root, **settings):
    return Food101(build(Food101.Config, Food101.complete(settings, root), "food101"), root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "food")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def flags_of(packed):
    return {n: Flag(f) for n, f in zip(packed.ids, packed.flags.tolist(), strict=True)}


def test_every_image_arrives_with_its_title_and_label(raw, cache):
    data = adapter(raw).open(cache)
    number = HashedWords(30522)
    for split in data.parts.values():
        for row, image, label in zip(split.rows, split.ids, split.labels, strict=True):
            pixels = split.inputs["image"][int(row)].numpy()
            assert counter_of(pixels[0]) == tiny.number(image)
            assert min(pixels.shape[1:3]) == 256 and pixels.shape[0] == 1
            words = number(tiny.title(image))
            found = split.inputs["text"][int(row)].numpy()
            assert found.dtype == np.int32 and found.shape == (40,)
            assert found.tolist() == words + [0] * (40 - len(words))
            assert image.rpartition("_")[0] == CLASSES[label]


def test_shapes_and_kinds_are_those_of_the_encoders(raw):
    found = adapter(raw, length="12").describe().modalities
    assert (found["image"].kind, found["image"].shape) == ("image", (3, 224, 224))
    assert (found["text"].kind, found["text"].shape) == ("tokens", (12,))
    assert found["text"].vocabulary == 30522


def test_clean_keeps_pages_and_titles_on_one_side(raw, cache):
    data = adapter(raw).open(cache)
    assert data.split == "clean-title"
    test, learnt = data.parts["test"].ids, {*data.parts["train"].ids, *data.parts["val"].ids}
    assert not set(tiny.PAGE["test"]) & set(test)
    assert set(tiny.PAGE["train"]) <= learnt
    assert tiny.SHARED not in learnt and "hot_dog_100.jpg" in test
    assert tiny.EMPTY in learnt


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("literature", {"train": 19, "test": 10}),
        ("literature+val", {"train": 17, "val": 2, "test": 10}),
        ("clean-page", {"train": 17, "val": 2, "test": 9}),
        ("clean", {"train": 16, "val": 2, "test": 9}),
    ],
)
def test_splits_are_those_of_the_page(raw, cache, split, counts):
    data = adapter(raw, split=split).open(cache)
    assert {part: len(s) for part, s in data.parts.items()} == counts


def test_titles_survive_the_traps_of_the_csv(raw, cache):
    data = adapter(raw, split="literature").open(cache)
    split, number = data.parts["train"], HashedWords(30522)
    rows = dict(zip(split.ids, split.rows.tolist(), strict=True))
    for image, text in (
        (tiny.UNCLOSED, "french onion soup with gruyere"),
        ("french_onion_soup_1.jpg", "french onion soup by cook 1"),
        ("french_onion_soup_2.jpg", "french onion soup by cook 2"),
        (tiny.COMMAS, "soup onions and real broth"),
        (tiny.EMPTY, ""),
    ):
        found = split.inputs["text"][rows[image]].tolist()
        assert [n for n in found if n] == number(text), image


def test_another_length_or_vocabulary_leaves_the_images_alone(raw, cache):
    short, small = adapter(raw, length="3").open(cache), adapter(raw, vocabulary="50").open(cache)
    assert short.parts["train"].inputs["text"].shape[1] == 3
    assert int(small.parts["train"].inputs["text"].max()) < 50
    assert len({short.hash, small.hash, adapter(raw).open(cache).hash}) == 3
    caches = [p for p in (cache / "food101").iterdir() if not p.name.startswith(".")]
    assert len(caches) == 1


def test_a_corrected_title_costs_no_decoding(tmp_path):
    root = tiny.make(tmp_path / "raw")
    before = adapter(root, split="literature").open(tmp_path / "cache")
    path = root / "texts/train_titles.csv"
    path.write_text(path.read_text().replace("sushi by cook 600", "raw fish"))
    meter = Meter(lambda line: None)
    after = adapter(root, split="literature").open(tmp_path / "cache", meter)
    made = {noun: count for noun, (count, _) in meter.made.items()}
    assert made == {"samples": 1, "titles": 30}  # that which could not be used is tried again
    split = after.parts["train"]
    row = split.rows[split.ids.index("sushi_0.jpg")]
    found = split.inputs["text"][row].tolist()
    assert [n for n in found if n] == HashedWords(30522)("raw fish")
    assert before.hash != after.hash and before.digests == after.digests


def test_the_cache_serves_when_the_raw_files_are_gone(tmp_path):
    root = tiny.make(tmp_path / "raw")
    before = adapter(root).open(tmp_path / "cache")
    root.rename(tmp_path / "elsewhere")
    after = adapter(root).open(tmp_path / "cache")
    assert (after.hash, after.digests) == (before.hash, before.digests)
    other = adapter(root, split="literature", length="7").open(tmp_path / "cache")
    assert other.parts["train"].inputs["text"].shape[1] == 7


def test_bad_images_are_flagged_or_left_out(raw, cache):
    packed = adapter(raw).prepared(cache)
    flags, usable = flags_of(packed), dict(zip(packed.ids, packed.column("usable"), strict=True))
    assert flags[tiny.GIF] == Flag.WRONG_TYPE and usable[tiny.GIF]
    assert flags[tiny.GREY] == flags[tiny.CMYK] == 0
    assert flags[tiny.CUT] == Flag.UNDECODABLE and not usable[tiny.CUT]
    assert flags[tiny.EMPTY] == Flag.EMPTY_TEXT and usable[tiny.EMPTY]
    assert flags[tiny.UNLISTED] == Flag.MISSING | Flag.EMPTY_TEXT
    card = adapter(raw).check(cache)
    absent = (
        "train_titles.csv, rows that name an image that is not there: line 21 (hot_dog_50.jpg)."
    )
    assert absent in card.problems
    assert "train: 1 of 17 ids are not usable: UNDECODABLE 1." in card.problems
    with pytest.raises(UserError, match=r"data.strict=true .* UNDECODABLE: sushi_3.jpg"):
        adapter(raw, strict="true").open(cache)


def test_a_cut_image_is_read_as_far_as_it_goes_if_that_is_asked_for(raw, cache):
    packed = adapter(raw, cut="true").prepared(cache)
    row = packed.ids.index(tiny.CUT)
    assert flags_of(packed)[tiny.CUT] == Flag.TRUNCATED and packed.column("usable")[row]
    last = packed.inputs()["image"][row][0, -1]
    assert last.min() == last.max()


def test_the_card_of_raw_files_tells_what_their_lists_say(raw, tmp_path):
    card = adapter(raw).check(tmp_path)
    assert ("image files", "31 of 31, 0.1 MiB") in card.rows
    assert any("name an image that is not there" in problem for problem in card.problems)


def test_what_lies_elsewhere_is_reported(tmp_path):
    root = tiny.make(tmp_path / "raw")
    (root / "images/train/hot_dog/hot_dog_2.jpg").rename(root / "images/train/sushi/hot_dog_2.jpg")
    (root / "images/train/hot_dog/hot_dog_3.jpg").unlink()
    write_jpeg(root / "images/train/sushi/toast_1.jpg", 1)
    write_jpeg(tiny.folder(root, "train", "sushi_101.jpg"), 701)
    tiny.folder(root, "train", "sushi_5.jpg").write_text("<html>gone</html>")
    opened = adapter(root, split="literature")
    packed = opened.prepared(tmp_path / "cache")
    flags = flags_of(packed)
    assert flags["hot_dog_2.jpg"] == Flag.BAD_LABEL
    assert flags["sushi_101.jpg"] & Flag.DUP_ID
    assert flags["sushi_5.jpg"] == Flag.WRONG_TYPE
    out = set(np.array(packed.ids)[packed.column("usable") == 0])
    assert out == {"hot_dog_2.jpg", "sushi_5.jpg", tiny.CUT}
    data = opened.open(tmp_path / "cache")
    assert not {"hot_dog_2.jpg", tiny.UNLISTED} & set(data.parts["train"].ids)
    told = "\n".join([*data.notes, *(v for _, v in opened.check(tmp_path / "cache").rows)])
    for sentence in (
        "name an image that is not there: line 10, line 21",
        "1 files below images are of none of the classes (images/train/sushi/toast_1.jpg)",
        "1 images lie in both folders, that in train is read (sushi_101.jpg)",
        "train leaves out 1 images (sushi_60.jpg) that have no title",
        "hot_dog_2.jpg: lies in images/train/sushi",
    ):
        assert sentence in told


def test_images_that_only_a_list_names_are_missing(tmp_path):
    root = tiny.make(tmp_path / "raw")
    tiny.write_mla(root, extra="sushi_55.jpg")
    opened = adapter(root, split="mla")
    data = opened.open(tmp_path / "cache")
    assert {part: len(s) for part, s in data.parts.items()} == {"train": 17, "test": 9}
    assert "train: 2 of 19 ids are not usable: MISSING 1, UNDECODABLE 1." in data.problems


def test_word_pieces_come_from_a_vocabulary_in_the_root(tmp_path):
    root = tiny.make(tmp_path / "raw")
    with pytest.raises(UserError, match=r"put vocab.txt in the folder given with --root"):
        adapter(root, tokenizer="wordpiece")
    (root / "vocab.txt").write_text(PIECES)
    opened = adapter(root, tokenizer="wordpiece")
    assert opened.describe().modalities["text"].vocabulary == 6
    data = opened.open(tmp_path / "cache")
    split = data.parts["test"]
    rows = dict(zip(split.ids, split.rows.tolist(), strict=True))
    found = split.inputs["text"][rows["hot_dog_101.jpg"]].tolist()
    assert found == [2, 3, 4, 5, 1] + [0] * 35
    root.rename(tmp_path / "moved")
    moved = adapter(tmp_path / "moved", tokenizer="wordpiece")
    assert moved.config == opened.config
    (tmp_path / "moved/vocab.txt").write_text(PIECES + "soup\n")
    other = adapter(tmp_path / "moved", tokenizer="wordpiece")
    assert other.config.pieces != opened.config.pieces
    with pytest.raises(UserError, match="is not in the root; put it there"):
        Food101(opened.config, tmp_path / "moved").open(tmp_path / "cache")


def test_pointers_of_git_lfs_stop_with_what_to_do(tmp_path):
    root = tiny.make(tmp_path / "raw")
    write_pointer(tiny.folder(root, "train", "sushi_5.jpg"))
    with pytest.raises(UserError, match="git lfs pull"):
        adapter(root).open(tmp_path / "cache")


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("images/test", "images/test is not there; the images lie in images/train and images/test"),
        ("texts/test_titles.csv", "has no test_titles.csv"),
    ],
)
def test_what_is_needed_is_named(tmp_path, gone, sentence):
    root = tiny.make(tmp_path / "raw")
    (root / gone).rename(tmp_path / "gone")
    with pytest.raises(UserError, match=sentence):
        adapter(root).open(tmp_path / "cache")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"length": "0"}, "length of the data set food101 is at least 1"),
        ({"vocabulary": "1"}, "vocabulary of the data set food101 is at least 2"),
        ({"pieces": "abc"}, "data.pieces would have no effect"),
        ({"tokenizer": "wordpiece", "vocabulary": "9"}, "data.vocabulary would have no effect"),
        ({"tokenizer": "bert"}, "'bert' is not a value of tokenizer"),
        ({"split": "literature-val"}, "'literature-val'"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


@pytest.mark.slow
def test_a_run_trains_on_images_and_texts(raw, cache, tmp_path):
    words = f"run --method joint,ogm_ge --dataset food101 --root {raw} --cache {cache} --seeds 1"
    small = "--epochs 1 --set network.encoder.image=cnn --set network.dim=16"
    done = bench(tmp_path, *words.split(), *small.split())
    assert done.returncode == 0, done.stderr
    results = [json.loads(r.result.read_text()) for r in every(tmp_path / "results")]
    assert [r["spec"]["method"] for r in results] == ["joint", "ogm_ge"]
    for result in results:
        assert result["data_hash"] == adapter(raw).open(cache).hash
        assert result["modalities"] == ["image", "text"]
        assert set(result["probe"]["test"]) == {"image", "text"}
