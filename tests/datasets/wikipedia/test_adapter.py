"""Wikipedia: the official test part, found again by its rows, and validation beside it."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.wikipedia.adapter import Wikipedia
from bench.errors import UserError
from tests.datasets.wikipedia import tiny


def adapter(root, **settings):
    values = Wikipedia.complete(settings, root)
    return Wikipedia(build(Wikipedia.Config, values, "wikipedia"), root)


def rows(data):
    return {part: set(split.rows.tolist()) for part, split in data.parts.items()}


def test_the_official_part_tests_in_both_splits_wherever_its_rows_stand(tmp_path):
    tested = np.random.default_rng(1).permutation(tiny.ARTICLES)[: tiny.TESTED]
    root = tiny.write(tmp_path / "raw", *tiny.content(), tested)
    for split in ("clean", "literature"):
        data = adapter(root, split=split).open(tmp_path / "cache")
        assert rows(data)["test"] == set(tested.tolist())


def test_clean_validates_on_others_and_no_picture_is_in_two_parts(tmp_path):
    data = adapter(tiny.make(tmp_path / "raw")).open(tmp_path / "cache")
    parts = rows(data)
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 59
    assert 3 not in set().union(*parts.values())  # its picture is that of 50, which tests
    for one, other in tiny.SHARED[1:]:
        assert sum({one, other} <= of for of in parts.values()) == 1
    assert 4 <= len(parts["val"]) <= 16 and data.overlaps == ()
    assert data.notes == ("1 articles with the picture of one in test are in no part.",)


def test_literature_trains_on_all_others_and_says_what_is_shared(tmp_path):
    data = adapter(tiny.make(tmp_path / "raw"), split="literature").open(tmp_path / "cache")
    assert rows(data) == {"train": set(range(45)), "test": set(range(45, 60))}
    assert data.overlaps == ("2 samples share a group with one in another part.",)


def test_pictures_texts_and_subjects_arrive(tmp_path):
    image, text, labels = tiny.content()
    data = adapter(tiny.make(tmp_path / "raw")).open(tmp_path / "cache")
    for split in data.parts.values():
        np.testing.assert_array_equal(split.inputs["image"], image.astype("f4"))
        np.testing.assert_array_equal(split.inputs["text"], text.astype("f4"))
        assert split.labels.tolist() == (labels[split.rows] - 1).tolist()


def test_an_article_of_the_test_part_that_is_not_among_all_is_refused(tmp_path):
    root = tiny.make(tmp_path / "raw")
    whole = (root / "Wikipedia.mat").read_bytes()
    image, text, labels = tiny.content()
    tiny.write(root, image, text + np.eye(tiny.ARTICLES, 10, 1 - tiny.ARTICLES), labels)
    (root / "Wikipedia.mat").write_bytes(whole)
    with pytest.raises(UserError, match=r"Wikipedia-test\.mat: article 14, counted from 0, is not"):
        adapter(root).open(tmp_path / "cache")


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda i, t, y: (i[:, 1:], t, y), r"X has shapes \[\(60, 127\), \(60, 10\)\], and"),
        (lambda i, t, y: (t, i, y), r"X has shapes \[\(60, 10\), \(60, 128\)\], and"),
        (lambda i, t, y: (i, t, y + 1), "article-0009 is of class 10, counted from 0"),
        (lambda i, t, y: (i, np.where(t > 1.9, np.inf, t), y), "text holds NaN, infinity"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, change, sentence):
    root = tiny.write(tmp_path / "raw", *change(*tiny.content()))
    with pytest.raises(UserError, match=sentence) as error:
        adapter(root).open(tmp_path / "cache")
    assert str(root) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    root = tiny.make(tmp_path / "raw")
    (root / "Wikipedia-test.mat").unlink()
    with pytest.raises(UserError, match=r"Wikipedia-test\.mat is missing: `data fetch wikipedia`"):
        adapter(root).open(tmp_path / "cache")
