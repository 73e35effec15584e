"""CMU-MOSI: videos in one part only, features that have not seen the labels, tables that fit."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.mosi.adapter import FOLDS, MOSI
from bench.errors import UserError
from tests.datasets.mosi import tiny


def adapter(root, **settings):
    return MOSI(build(MOSI.Config, MOSI.complete(settings, root), "mosi"), root)


def names(plain, part):
    return [plain["names"][i] for i in plain[part]["rows"]]


def test_literature_is_the_owners_split(tmp_path):
    plain = tiny.content()
    data = adapter(tiny.make(tmp_path / "raw"), split="literature").open(tmp_path / "cache")
    assert {part: list(split.ids) for part, split in data.parts.items()} == {
        part: names(plain, part) for part in ("train", "test")
    }
    assert data.overlaps == ()


def test_clean_is_dealt_by_video_among_what_the_features_were_not_learned_from(tmp_path):
    plain, root, tested = tiny.content(), tiny.make(tmp_path / "raw"), []
    for fold in range(FOLDS):
        data = adapter(root, fold=fold).open(tmp_path / "cache")
        videos = [{name.rsplit("_", 1)[0] for name in s.ids} for s in data.parts.values()]
        assert sum(map(len, videos)) == len(set().union(*videos)) == tiny.VIDEOS["test"]
        assert data.overlaps == () and data.parts["train"].ids
        tested += data.parts["test"].ids
    assert sorted(tested) == sorted(names(plain, "test"))


@pytest.mark.parametrize("split", ["clean", "literature"])
def test_a_sentence_arrives_with_its_label_and_features(tmp_path, split):
    plain = tiny.content()
    labels = dict(zip(plain["names"], plain["labels"], strict=True))
    data = adapter(tiny.make(tmp_path / "raw"), split=split).open(tmp_path / "cache")
    for split in data.parts.values():
        assert split.labels.tolist() == [labels[name] for name in split.ids]
        for m in tiny.WIDTHS:
            whole = np.concatenate([plain["train"][m], plain["test"][m]])
            order = names(plain, "train") + names(plain, "test")
            expected = whole[[order.index(name) for name in split.ids]]
            np.testing.assert_array_equal(split.inputs[m][split.rows], expected.astype("f4"))


def test_only_clean_has_folds(tmp_path):
    with pytest.raises(UserError, match="fold would have no effect: the split literature has no"):
        adapter(tmp_path, split="literature", fold=1)


def changed(part, name, change):
    plain = tiny.content()
    plain[part][name] = change(plain[part][name])
    return plain


@pytest.mark.parametrize(
    "part, name, change, sentence",
    [
        ("test", "audio", lambda x: x[:, 1:], r"audio_test0\.csv, line 1: 73 columns where 74"),
        ("train", "text", lambda x: x[:, 1:], r"text_train\.csv, line 1: 100 columns where 101"),
        ("test", "rows", lambda x: x + 500, "no row of transcripts.csv, which has 112"),
        ("test", "rows", lambda x: x - 200, "no row of transcripts.csv, which has 112"),
        ("train", "video", lambda x: x * np.nan, "video holds NaN"),
        ("train", "rows", lambda x: np.roll(x, 1), None),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path, part, name, change, sentence):
    plain = changed(part, name, change)
    if sentence is None:  # the sentences are in another order than sound and pictures
        plain[part]["labels"] = tiny.content()["labels"][tiny.content()[part]["rows"]]
        sentence = r"audio_train0\.csv has other labels than the 32 sentences"
    with pytest.raises(UserError, match=sentence):
        adapter(tiny.write(tmp_path / "raw", plain)).open(tmp_path / "cache")


def test_sentences_in_both_parts_are_refused(tmp_path):
    plain = tiny.content()
    plain["train"] = {name: of[:8] for name, of in plain["test"].items()}
    with pytest.raises(UserError, match=r"text_train\.csv and text_test\.csv share sentences"):
        adapter(tiny.write(tmp_path / "raw", plain)).open(tmp_path / "cache")


@pytest.mark.parametrize(
    "file, line, sentence",
    [
        ("transcripts.csv", '"a_1","WORDS","8"', "line 1: no sentence's name, words, count and"),
        ("transcripts.csv", '"a_1","WORDS","8","2"', "line 1: no sentence's name"),
        ("text_test.csv", "1" + ",one" * 100, "line 1: no number .*'one'"),
        ("text_test.csv", "<!DOCTYPE html>", "is a web page, not the list"),
    ],
)
def test_lines_that_are_none_are_named(tmp_path, file, line, sentence):
    root = tiny.make(tmp_path / "raw")
    (root / file).write_text(f"{line}\n{(root / file).read_text()}")
    with pytest.raises(UserError, match=f"{file}.*{sentence}"):
        adapter(root).open(tmp_path / "cache")


def test_a_table_that_is_not_there_is_named(tmp_path):
    root = tiny.make(tmp_path / "raw")
    (root / "video/video_test0.csv").unlink()
    with pytest.raises(UserError, match=r"video_test0\.csv is missing: `data fetch mosi`"):
        adapter(root).open(tmp_path / "cache")
