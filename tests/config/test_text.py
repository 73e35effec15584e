"""Text of other programs is read as it was meant, or refused in a sentence with its line."""

import codecs
from pathlib import Path

import pytest

from bench.config.text import decode, parse_yaml, read_text, read_yaml
from bench.errors import UserError

PLAIN = "name: Ärger\nseeds: 3\n"


def refused(text, *words, texts=False):
    with pytest.raises(UserError) as error:
        parse_yaml(text, "mine.yaml", texts)
    said = str(error.value)
    assert said.startswith("mine.yaml") and said.endswith(".") and "\n" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.replace("\n", "\r\n").encode(),
        codecs.BOM_UTF16_LE + PLAIN.replace("\n", "\r\n").encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + PLAIN.encode("utf-32-le"),
        PLAIN.replace("\n", "\r").encode(),
    ],
    ids=["plain", "UTF-8 mark", "UTF-16 LE", "UTF-16 BE", "UTF-32", "CR"],
)
def test_whatever_an_editor_saves_is_the_same_text(tmp_path, raw):
    file = tmp_path / "mine.yaml"
    file.write_bytes(raw)
    assert read_text(file).text == PLAIN
    assert read_yaml(file) == {"name": "Ärger", "seeds": 3}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a\nb\xe9\n", "list, line 2: not UTF-8 (byte 0xe9); save it as text in UTF-8."),
        (b"a\r\nb\r\n\0", "list is no text in UTF-8: line 3 holds a NUL byte"),
        ("name: x".encode("utf-16-le"), "line 1 holds a NUL byte"),
        (codecs.BOM_UTF16_LE + b"abc", "list begins as UTF-16-LE and goes on otherwise"),
    ],
    ids=["Latin-1", "NUL", "UTF-16 without mark", "half a character"],
)
def test_what_is_no_text_is_refused_with_its_line(raw, said):
    with pytest.raises(UserError) as error:
        decode(raw, "list")
    assert said in str(error.value)


def test_a_carriage_return_among_other_line_ends_is_part_of_its_line():
    assert decode(b"a\rb\nc\n", "list").lines == ("a\rb", "c", "")


def test_what_is_unusual_is_told():
    found = decode(codecs.BOM_UTF8 + b"a\r\nb\xe9\r\n", "list", fallback="latin-1")
    assert found.lines == ("a", "bé", "") and found.recoded == {2}
    assert found.oddities == ("begins with a byte order mark", "has lines that end in CR LF")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 1", ["line 3", "'a' stands in line 1 already"]),
        ("a:\n  x: 1\n  x: 2", ["line 3", "'x'"]),
        ("a: [{x: 1, x: 1}]", ["line 1", "'x'"]),
        ("1: a\n'1': b", ["line 2", "'1'"]),
    ],
)
@pytest.mark.parametrize("texts", [False, True])
def test_a_key_that_stands_twice_is_named_with_both_lines(text, words, texts):
    refused(text, *words, texts=texts)


@pytest.mark.parametrize(
    ("text", "value", "number"),
    [("010", 8, "10"), ("-017", -15, "-17"), ("1:30", 90, "90"), ("1:30.5", 90.5, "90.5")],
)
def test_numbers_of_yaml_1_1_are_refused_with_how_to_write_them(text, value, number):
    refused(f"x: 1\nseeds: {text}", f"line 2: YAML reads {text} as {value}; write {number} for")
    assert parse_yaml(f"a: '{text}'", "") == {"a": text}
    assert parse_yaml(f"a: {text}", "", texts=True) == {"a": text}


def test_text_stays_what_is_written():
    words = ["no", "on", "yes", "True", "1.10", "1e-3", "0x10", "2026-01-02", "=", "08", "1_000"]
    assert parse_yaml(f"a: [{', '.join(words)}]", "") == {"a": words}
    assert parse_yaml("on: 1\n1: 2", "") == {"on": 1, "1": 2}
    assert parse_yaml("a: [5, -3, 0.05, ~]", "") == {"a": [5, -3, 0.05, None]}


def test_aliases_are_read_and_keys_win_over_what_they_merge():
    found = parse_yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\nz: *x", "")
    assert found["y"] == {"a": 3, "b": 2} and found["z"] == {"a": 1, "b": 2}


def test_aliases_that_name_very_much_or_themselves_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    refused("\n".join(lines), "more than 100000 values")
    refused("a: &a [*a]", "line 1", "inside of what it names")
    refused("a: &a {b: {c: *a}}", "line 1", "inside of what it names")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", ["is not a mapping, it holds ['a']"]),
        ("words", ["is not a mapping, it holds 'words'"]),
        ("a: !!python/name:os.system x", ["line 1", "tag"]),
        ("a: !!int x", ["line 1", "tag"]),
        ("a: {{x}}", ["line 1", "a key is a word"]),
        ("a: [", ["line 1, is not YAML"]),
        ("a: 1\n\tb: 2", ["line 2, is not YAML", r"'\t'"]),
        ("a: 1\nb: \x07", ["line 2, is not YAML", "U+0007"]),
        ("a: 1\n---\nb: 2", ["line 2, is not YAML", "single document"]),
        ("a: " + "[" * 5000, ["brackets are too many"]),
        ('a: "x\\0y"', ["line 1", "NUL character"]),
        ("a: *b", ["line 1, is not YAML", "undefined alias 'b'"]),
    ],
)
def test_what_is_no_mapping_of_plain_values_is_refused(text, words):
    refused(text, *words)
    refused(text, *words, texts=True)


def test_a_text_without_an_end_is_refused():
    with pytest.raises(UserError, match="/dev/zero is larger than 256 MiB"):
        read_text(Path("/dev/zero"))


def test_an_empty_file_is_an_empty_mapping():
    assert parse_yaml("", "") == parse_yaml("# a comment\n", "") == parse_yaml("~", "") == {}
