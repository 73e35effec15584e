"""Titles as numbers: what is taken out, how words are told apart, which numbers they get."""

import numpy as np
import pytest

from bench.datasets.core.decode.text import (
    HashedWords,
    WordPieces,
    basic_words,
    cleaned,
    padded,
    plain,
    read_pieces,
)
from bench.errors import UserError

PIECES = [
    "[PAD]",
    "[UNK]",
    "un",
    "##aff",
    "##able",
    "want",
    "##want",
    "##ed",
    "soup",
    ",",
    "#",
    "湯",
]


def test_numbers_never_change():
    """Golden: SHA-256 of `soup` begins with 9014fac8184d7ba9."""
    assert 1 + 0x9014FAC8184D7BA9 % 30521 == 525
    assert HashedWords(30522)("French onion SOUP 2 go") == [27550, 19453, 525, 26783, 9674]
    assert HashedWords(2)("any word") == [1, 1]


def test_numbers_fill_the_vocabulary_and_leave_padding_alone():
    numbers = {HashedWords(11).number(str(i)) for i in range(500)}
    assert numbers == set(range(1, 11))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("RT  soup", "soup"),
        ("ART soup", "ART soup"),
        ("soup http://a.b/c d\nmore", "soup \nmore"),
        ("soup https://a.b", "soup "),
        ("#soup#", "soup"),
    ],
)
def test_what_tweets_add_is_taken_out(text, left):
    assert cleaned(text) == left


def test_words_are_letters_and_digits_whatever_their_case_and_accents():
    number = HashedWords(30522)
    assert number("Crème-brûlée, 3 'ways'!") == number("creme brulee 3 ways")
    assert number("cre\u0300me") == number("crème")
    assert number("snow_white") == number("snow white")
    assert number("onion") != number("onions")
    assert number("?! _ -") == number("") == []


def test_a_row_is_cut_or_padded_with_zeros():
    row = padded([5, 6, 7], 2)
    assert row.dtype == np.int32 and row.tolist() == [5, 6]
    assert padded([5, 6], 4).tolist() == [5, 6, 0, 0]
    assert padded([], 3).tolist() == [0, 0, 0]


def pieces(*more):
    return WordPieces({piece: i for i, piece in enumerate([*PIECES, *more])})


def test_the_longest_pieces_are_taken():
    assert pieces()("Unaffable soup") == [2, 3, 4, 8]
    assert pieces("unaff")("unaffable") == [12, 4]
    assert pieces()("unwanted") == [2, 6, 7]


def test_a_word_that_leaves_a_rest_is_unknown():
    assert pieces()("unaffably, soup") == [1, 9, 8]
    assert pieces("a", "##a")("a" * 100 + " " + "a" * 101)[-2:] == [13, 1]


def test_words_are_split_as_bert_splits_them():
    text = plain("Don't stop:\tmiso-soup (湯麺) $5.00\u00a0a\u200bb\x00c €\ufffd")
    expected = "don ' t stop : miso - soup ( 湯 麺 ) $ 5 . 00 abc €"
    assert list(basic_words(text)) == expected.split()


def test_a_vocabulary_is_read_whatever_ends_its_lines(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\r\n[UNK]\r\nsoup\u2028\r\n".encode())
    assert read_pieces(path) == {"[PAD]": 0, "[UNK]": 1, "soup\u2028": 2}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "its first line is"),
        (b"soup\n[PAD]\n[UNK]\n", "its first line is"),
        (b"[PAD]\nsoup\n", r"one is \[UNK\]"),
        (b"[PAD]\n[UNK]\nx\nx\n", "a piece twice"),
        (b"[PAD]\n\xff", "not UTF-8"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path, raw, sentence):
    (tmp_path / "vocab.txt").write_bytes(raw)
    with pytest.raises(UserError, match=sentence):
        read_pieces(tmp_path / "vocab.txt")
