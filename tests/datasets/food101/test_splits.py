"""UPMC Food-101: made-up images and titles with the defects that the page tells of."""

import json

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.food101 import splits
from bench.errors import UserError

TRAIN = [f"steak_{n}.jpg" for n in range(25)] + ["hot_dog_7-1.jpg", "hot_dog_8.jpg"]
TEST = ["steak_30.jpg", "hot_dog_7-2.jpg", "hot_dog_9.jpg"]
IMAGES = {"train": TRAIN, "test": TEST}


def titled(names, **titles):
    """Rows of a csv: every image with its own title."""
    of = {f"{k}.jpg": v for k, v in titles.items()}
    return [f"{n},{of.get(n, 'title of ' + n)},{n.rpartition('_')[0]}" for n in names]


def files(tmp_path, train=None, test=None):
    lists = {"train_titles": train or titled(TRAIN), "test_titles": test or titled(TEST)}
    found = {name: tmp_path / f"{name}.csv" for name in lists}
    for name, lines in lists.items():
        found[name].write_bytes("\n".join(lines).encode())
    return found


def titles_of(tmp_path, *lines, images=("steak_1.jpg", "steak_2.jpg")):
    path = tmp_path / "titles.csv"
    path.write_text("\n".join(lines))
    return splits.read_titles(path, set(images))


def by_flag(issues, flag):
    return [i.ids for i in issues if i.flag is flag]


def test_there_are_101_classes_in_order_of_name():
    assert len(splits.CLASSES) == len(set(splits.CLASSES)) == 101
    assert splits.CLASSES[:2] == ("apple_pie", "baby_back_ribs")
    assert splits.CLASSES[100] == "waffles"


def test_the_group_is_the_page_and_keeps_its_ending():
    sample = splits.sample_of("cheese_plate_717-1.jpg")
    assert sample.group == "cheese_plate_717.jpg"
    assert splits.CLASSES[sample.label] == "cheese_plate"
    assert splits.sample_of("cheese_plate_717.jpg").group == sample.group


def test_literature_is_all_images_with_a_title(tmp_path):
    value = splits.parts(files(tmp_path, titled(TRAIN[1:])), "literature", IMAGES)
    assert set(value.parts["train"]) == set(TRAIN[1:]) and set(value.parts["test"]) == set(TEST)
    assert [(i.flag, i.ids) for i in value.issues if "no title" in i.text] == [
        (Flag.MISSING, (TRAIN[0],))
    ]


def test_validation_is_carved_before_titles_are_asked_for(tmp_path):
    whole = splits.parts({}, "literature+val", IMAGES)
    assert len(whole.parts["val"]) == 2 and len(whole.parts["train"]) == 25
    gone = whole.parts["val"][0]
    some = splits.parts(
        files(tmp_path, titled(n for n in TRAIN if n != gone)), "literature+val", IMAGES
    )
    assert some.parts["val"] == whole.parts["val"][1:]
    assert some.parts["train"] == whole.parts["train"]


def test_clean_page_drops_test_images_of_shared_pages():
    value = splits.parts({}, "clean-page", IMAGES)
    assert value.parts["test"] == ("hot_dog_9.jpg", "steak_30.jpg")
    assert not by_flag(value.issues, Flag.OVERLAP)
    shared = splits.parts({}, "literature+val", IMAGES)
    assert by_flag(shared.issues, Flag.OVERLAP) == [("hot_dog_7-1.jpg", "hot_dog_7-2.jpg")]


def test_clean_drops_training_titles_that_are_tested(tmp_path):
    given = files(
        tmp_path,
        titled(TRAIN, steak_1="Best  STEAK, ever!", steak_2="Best steak"),
        titled(TEST, steak_30='"best steak: ever"'),
    )
    value = splits.parts(given, "clean", IMAGES)
    assert value.split == "clean-title" and len(value.parts["test"]) == 2
    assert set(TRAIN) - set(value.ids) == {"steak_1.jpg"}


def test_titles_that_test_shares_are_counted_where_they_stay(tmp_path):
    given = files(
        tmp_path,
        titled(TRAIN, steak_1="Best  STEAK, ever!", steak_2=""),
        titled(TEST, steak_30='"best steak: ever"', hot_dog_9=""),
    )
    for split in ("literature", "literature+val", "clean-page"):
        value = splits.parts(given, split, IMAGES)
        told = [i for i in value.issues if "a title that train or val has" in i.text]
        assert [(i.ids, i.fault) for i in told] == [(("steak_30.jpg",), False)]
    assert not by_flag(splits.parts(given, "clean", IMAGES).issues, Flag.OVERLAP)


def test_empty_titles_are_not_the_same_title(tmp_path):
    given = files(tmp_path, titled(TRAIN, steak_1=""), titled(TEST, steak_30='""'))
    value = splits.parts(given, "clean", IMAGES)
    assert "steak_1.jpg" in value.ids and "steak_30.jpg" in value.parts["test"]
    assert [i.ids for i in value.issues if "empty title" in i.text] == [
        ("steak_1.jpg",),
        ("steak_30.jpg",),
    ]


def test_clean_without_titles_is_refused():
    with pytest.raises(UserError, match="needs the list 'train_titles'"):
        splits.parts({}, "clean", IMAGES)


def test_an_unclosed_quote_swallows_nothing(tmp_path):
    lines = ['steak_1.jpg,"Rare, medium,steak', "steak_2.txt,Well done,steak"]
    titles, issues = titles_of(tmp_path, *lines)
    assert titles == {"steak_1.jpg": '"Rare, medium', "steak_2.jpg": "Well done"}
    assert [i.ids for i in issues if "do not close" in i.text] == [("steak_1.jpg",)]
    assert [i.fault for i in issues if "name a text" in i.text] == [False]


def test_a_text_without_an_image_is_a_fault(tmp_path):
    titles, issues = titles_of(tmp_path, "steak_3.txt,Rare,steak")
    assert not titles and [i.fault for i in issues if "name a text" in i.text] == [True]


def test_commas_and_quotes_belong_to_the_title(tmp_path):
    titles, issues = titles_of(tmp_path, 'steak_1.jpg,"A "good", rare steak",steak')
    assert titles == {"steak_1.jpg": 'A "good", rare steak'} and not issues


def test_a_header_is_passed_over(tmp_path):
    titles, issues = titles_of(tmp_path, "Image_path,text,label", "steak_1.jpg,Rare,steak")
    assert titles == {"steak_1.jpg": "Rare"} and not issues


def test_a_title_of_an_absent_image_is_missing(tmp_path):
    titles, issues = titles_of(tmp_path, "steak_3.jpg,Rare,steak")
    assert not titles and by_flag(issues, Flag.MISSING) == [("steak_3.jpg",)]


def test_of_two_titles_the_first_stays(tmp_path):
    lines = ["steak_1.jpg,Rare,steak", "steak_1.jpg,Done,steak", "steak_1.jpg,Rare,steak"]
    titles, issues = titles_of(tmp_path, *lines)
    assert titles == {"steak_1.jpg": "Rare"}
    assert by_flag(issues, Flag.CONFLICT) == by_flag(issues, Flag.DUP_ID) == [("steak_1.jpg",)]


def test_a_class_that_the_name_denies_leaves_the_title_out(tmp_path):
    titles, issues = titles_of(tmp_path, "steak_1.jpg,Rare,sushi", "steak_2.jpg,Rare,steak")
    assert list(titles) == ["steak_2.jpg"] and by_flag(issues, Flag.BAD_LABEL) == [("steak_1.jpg",)]


def test_a_line_that_is_not_utf8_is_read_and_reported(tmp_path):
    path = tmp_path / "titles.csv"
    path.write_bytes("steak_1.jpg,Crème,steak\n".encode() + b"steak_2.jpg,Cr\xe8me,steak\n")
    titles, issues = splits.read_titles(path, {"steak_1.jpg", "steak_2.jpg"})
    assert titles == {"steak_1.jpg": "Crème", "steak_2.jpg": "Crème"}
    assert by_flag(issues, Flag.CONVERTED) == [("steak_2.jpg",)]
    assert "titles.csv, rows that are not UTF-8 and read as Latin-1: line 2." in issues[0].text


def test_images_of_unknown_or_other_classes_are_left_out():
    images = {"train": ["images/train/steak/steak_1.jpg", "images/train/sushi/steak_2.jpg"]}
    images |= {"test": ["toast_1.jpg", "steak_9.jpg", "hot_dog.jpg"]}
    value = splits.parts({}, "literature+val", images)
    assert value.ids == ("steak_1.jpg", "steak_9.jpg")
    assert set(by_flag(value.issues, Flag.BAD_LABEL)[0]) == {
        "steak_2.jpg",
        "toast_1.jpg",
        "hot_dog.jpg",
    }


def test_an_image_in_both_folders_is_an_overlap():
    value = splits.parts({}, "literature+val", IMAGES | {"test": [*TEST, "hot_dog_8.jpg"]})
    assert ("hot_dog_8.jpg",) in by_flag(value.issues, Flag.OVERLAP)


def test_the_lists_of_mla_are_read(tmp_path):
    given = {"mla_train": tmp_path / "my_train.txt", "mla_test": tmp_path / "my_test.txt"}
    given["mla_train"].write_text("steak_1.jpg steak\nhot_dog_1-2.jpg steak\n")
    given["mla_test"].write_text("hot_dog_9.jpg hot_dog")
    value = splits.parts(given, "mla")
    assert value.parts == {"train": ("steak_1.jpg",), "test": ("hot_dog_9.jpg",)}
    (issue,) = [i for i in value.issues if i.flag is Flag.BAD_LABEL]
    assert issue.ids == ("hot_dog_1-2.jpg",) and "my_train.txt" in issue.text
    assert "line 2" in issue.text


def test_the_lists_of_mmbt_are_read(tmp_path):
    given = {}
    for part, number in (("train", 1), ("dev", 2), ("test", 3)):
        given[f"mmbt_{part}"] = tmp_path / f"{part}.jsonl"
        image = f"images/{part}/steak/steak_{number}.jpg"
        row = {"id": f"steak_{number}", "label": "steak", "text": "a, b", "img": image}
        given[f"mmbt_{part}"].write_text(json.dumps(row))
    value = splits.parts(given, "mmbt")
    assert value.parts == {"train": ("steak_1.jpg",), "val": ("steak_2.jpg",)} | {
        "test": ("steak_3.jpg",)
    }
    given["mmbt_dev"].write_text('{"id": "steak_2", "label": "steak"}\n{"id": 1}')
    with pytest.raises(UserError, match=r"dev.jsonl, line 2: "):
        splits.parts(given, "mmbt")


def test_a_part_without_images_is_refused():
    with pytest.raises(UserError, match="the images of test are not there"):
        splits.parts({}, "clean-page", {"train": TRAIN})
