"""Texts as numbers of words, without anything that would have to be downloaded.

0 is padding in every vocabulary. `hash` needs no vocabulary: a word's number is `1 + h mod
(vocabulary - 1)`, where h is the first 8 bytes of the SHA-256 of the word in UTF-8, big-endian; the
word is in lower case without accents. It is the same everywhere, and two words may share one.
`wordpiece` takes the vocabulary of an uncased BERT from a file, without special tokens at the ends
(Wu et al., "Google's Neural Machine Translation System", 2016; Devlin et al., "BERT", NAACL 2019).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.config.text import decode
from bench.errors import UserError

TWEET = re.compile(r"\ART\s+|https?://.*|#")  # what BalanceBenchmark's loader takes out
WORD = re.compile(r"[^\W_]+")
PADDING, UNKNOWN = "[PAD]", "[UNK]"
LONGEST = 100  # characters of a word that is looked up in pieces, as in BERT
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))


def cleaned(text: str) -> str:
    """Without a leading `RT`, what follows a link in its line, and `#`."""
    return TWEET.sub("", text)


def plain(text: str) -> str:
    """Lower case without accents."""
    apart = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in apart if unicodedata.category(c) != "Mn")


def padded(numbers: Sequence[int], length: int) -> NDArray[np.int32]:
    """[length]: the first numbers, then zeros."""
    row = np.zeros(length, dtype=np.int32)
    row[: len(numbers)] = numbers[:length]
    return row


class HashedWords:
    """Words, which are runs of letters and digits, by a hash. vocabulary: numbers, padding too."""

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary

    def __call__(self, text: str) -> list[int]:
        return [self.number(word) for word in WORD.findall(plain(cleaned(text)))]

    def number(self, word: str) -> int:
        """From 1 to vocabulary - 1."""
        first = int.from_bytes(sha256(word.encode()).digest()[:8], "big")
        return 1 + first % (self.vocabulary - 1)


class WordPieces:
    """The longest pieces of words that a vocabulary has; what does not begin a word has `##`.

    pieces: piece -> number.
    """

    def __init__(self, pieces: dict[str, int]) -> None:
        self.pieces = pieces

    def __call__(self, text: str) -> list[int]:
        return [n for word in basic_words(plain(cleaned(text))) for n in self.numbers(word)]

    def numbers(self, word: str) -> list[int]:
        """Of a word's pieces, or that of the unknown word."""
        found, start = [], 0
        while start < len(word) <= LONGEST:
            ends = range(len(word), start, -1)
            mark = "##" if start else ""
            end = next((e for e in ends if mark + word[start:e] in self.pieces), None)
            if end is None:
                break
            found.append(self.pieces[mark + word[start:end]])
            start = end
        return found if start == len(word) else [self.pieces[UNKNOWN]]


def basic_words(text: str) -> Iterator[str]:
    """Words as BERT splits them: at blanks, and before and after punctuation and ideographs."""
    word = ""
    for character in text:
        kind = unicodedata.category(character)
        blank = character.isspace()
        if blank or alone(character, kind):
            if word:
                yield word
            if not blank:
                yield character
            word = ""
        elif kind[0] != "C" and character != "\ufffd":
            word += character
    if word:
        yield word


def alone(character: str, kind: str) -> bool:
    """Whether a character is a word of its own. kind: its category in Unicode."""
    symbol = character.isascii() and character.isprintable() and not character.isalnum()
    return symbol or kind[0] == "P" or any(a <= ord(character) <= b for a, b in IDEOGRAPHS)


def read_pieces(path: Path) -> dict[str, int]:
    """A vocabulary of a piece a line, numbered from 0, of which the first is the padding.

    Raises UserError for what is no such list.
    """
    lines = decode(path.read_bytes(), str(path), "take a vocab.txt").lines
    pieces = lines[:-1] if lines[-1] == "" else lines
    if not pieces or pieces[0] != PADDING or UNKNOWN not in pieces:
        raise UserError(
            f"{path} is no vocabulary for these texts: its first line is {PADDING} and one is "
            f"{UNKNOWN}, as in the vocab.txt of an uncased BERT; take such a file."
        )
    numbers = {piece: i for i, piece in enumerate(pieces)}
    if len(numbers) < len(pieces):
        raise UserError(f"{path} has a piece twice; take the file from its source.")
    return numbers
