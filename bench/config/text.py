"""Text files that other programs wrote: decoded by one function, and YAML read by one.

Editors and spreadsheets begin files with byte order marks, end lines in CR LF and write UTF-16;
YAML 1.1 takes the last of two equal keys, `010` for 8, `1:30` for 90 and `no` for false. Here text
means what is written, or is refused with its line.
"""

import codecs
import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from bench.errors import UserError

MARKS = {  # UTF-32's begins as UTF-16's does, and so comes first
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32-LE",
    codecs.BOM_UTF32_BE: "UTF-32-BE",
    codecs.BOM_UTF16_LE: "UTF-16-LE",
    codecs.BOM_UTF16_BE: "UTF-16-BE",
}
LARGEST = 2**28  # bytes of a text file
REMEDY = "save it as text in UTF-8"


@dataclass(frozen=True)
class Decoded:
    """A text file. lines: without their ends; the last one is empty if the file ends its lines.
    oddities: what is unusual and read all the same, each to follow the file's name. recoded: lines,
    numbered from 1, that are in the fallback encoding."""

    lines: tuple[str, ...]
    oddities: tuple[str, ...] = ()
    recoded: frozenset[int] = frozenset()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def decode(raw: bytes, where: str, remedy: str = REMEDY, fallback: str | None = None) -> Decoded:
    """The text of a file. fallback: the encoding of lines that are not UTF-8.

    Raises UserError, which names the line and ends with the remedy, for what is no text.
    """
    raw, oddities = unmarked(raw, where, remedy)
    if b"\r\n" in raw:
        raw = raw.replace(b"\r\n", b"\n").removesuffix(b"\r")
        oddities.append("has lines that end in CR LF")
    elif b"\r" in raw and b"\n" not in raw:  # a CR among other line ends is part of its line
        raw = raw.replace(b"\r", b"\n")
        oddities.append("has lines that end in CR")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise UserError(f"{where} is no text in UTF-8: line {line} holds a NUL byte; {remedy}.")
    try:
        return Decoded(tuple(raw.decode("utf-8").split("\n")), tuple(oddities))
    except UnicodeDecodeError as error:
        if fallback is None:
            line = raw.count(b"\n", 0, error.start) + 1
            byte = f"byte {raw[error.start]:#04x}"
            raise UserError(f"{where}, line {line}: not UTF-8 ({byte}); {remedy}.") from None
    lines, recoded = [], set()
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode(fallback))
            recoded.add(number)
    return Decoded(tuple(lines), tuple(oddities), frozenset(recoded))


def unmarked(raw: bytes, where: str, remedy: str) -> tuple[bytes, list[str]]:
    """The bytes in UTF-8 without a byte order mark, and what is to be said of one."""
    mark = next((m for m in MARKS if raw.startswith(m)), None)
    if mark is None:
        return raw, []
    raw, encoding = raw.removeprefix(mark), MARKS[mark]
    if mark == codecs.BOM_UTF8:
        return raw, ["begins with a byte order mark"]
    try:
        raw = raw.decode(encoding).encode()
    except UnicodeDecodeError:
        raise UserError(f"{where} begins as {encoding} and goes on otherwise; {remedy}.") from None
    return raw, [f"begins with a byte order mark of {encoding}"]


def read_text(file: Path | Traversable, where: str = "") -> Decoded:
    """A text file of the user's. where: how messages call it, if not by its path.

    Raises UserError for one without an end, as a device may be, before it fills the memory.
    """
    where = where or str(file)
    with file.open("rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UserError(
            f"{where} is larger than {LARGEST >> 20} MiB, which no text of this kind is; name "
            "another file."
        )
    return decode(raw, where)


def read_yaml(file: Path | Traversable, where: str = "", texts: bool = False) -> dict[str, Any]:
    """A YAML file; as `parse_yaml`."""
    return parse_yaml(read_text(file, where).text, where or str(file), texts)


def parse_yaml(text: str, where: str, texts: bool = False) -> dict[str, Any]:
    """The mapping that a YAML text holds, empty if it holds nothing; keys are texts.

    texts: all values are, too. Raises UserError for what is no mapping, or means something else
    than is written.
    """
    try:
        loader = (Texts if texts else Loader)(text)
        node = loader.get_single_node()
        check_aliases(node)
        value = {} if node is None else loader.construct_document(node)
    except YamlFault as error:
        raise UserError(f"{where}, line {error.problem_mark.line + 1}: {error.problem}.") from None
    except yaml.MarkedYAMLError as error:
        what = " ".join(filter(None, (error.context, error.problem)))
        line = (error.problem_mark or error.context_mark).line + 1
        raise UserError(f"{where}, line {line}, is not YAML: {what}; correct it.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"it holds the character U+{ord(text[error.position]):04X}"
        raise UserError(f"{where}, line {line}, is not YAML: {what}; remove it.") from None
    except RecursionError:
        raise UserError(f"{where} is not YAML: its brackets are too many; close them.") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(
            f"{where} is not a mapping, it holds {short(value)}; write lines such as `name: value`."
        )
    return value


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]} .."


class YamlFault(yaml.MarkedYAMLError):
    """What is YAML, and most likely not what was meant."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


TAG = "tag:yaml.org,2002:"
TYPES = ("null", "int", "float", "merge")  # of plain words that stay as YAML 1.1 has them


class Loader(yaml.SafeLoader):
    """YAML's safe loader. Keys are texts and stand once; truth values, dates, and numbers that
    Python writes otherwise stay texts, as on the command line; tags are refused."""

    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if tag.removeprefix(TAG) in TYPES]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def fetch_tag(self) -> None:
        raise YamlFault(
            "`!` begins a tag, which has no use here; put the text in quotes", self.get_mark()
        )

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlFault(
                    "a key is a word, not a list or a mapping; put braces of a text in quotes",
                    key.start_mark,
                )
            if key.value in lines:
                raise YamlFault(
                    f"the key {key.value!r} stands in line {lines[key.value]} already; "
                    "remove one of them",
                    key.start_mark,
                )
            lines[key.value] = key.start_mark.line + 1
            if key.tag != f"{TAG}merge":
                key.tag = f"{TAG}str"
        return node

    def compose_scalar_node(self, anchor: str | None) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if "\0" in node.value:
            raise YamlFault("a text holds a NUL character; remove it", node.start_mark)
        return node

    def number(self, node: yaml.ScalarNode) -> int | float | str:
        """A number whose text is Python's for it; else the text, which settings read as well."""
        text = node.value
        if len(text) > LONGEST:
            return text
        kind = int if node.tag == f"{TAG}int" else float
        value = (self.construct_yaml_int if kind is int else self.construct_yaml_float)(node)
        if str(value) == text:
            return value
        if OCTAL.fullmatch(text) or ":" in text:
            plain = int(text.replace("_", "")) if kind is int and ":" not in text else value
            raise YamlFault(
                f"YAML reads {text} as {value}; write {plain} for a number, or '{text}' "
                "in quotes for a text",
                node.start_mark,
            )
        return text


LONGEST = 40  # characters of a number; of others Python may refuse to say the value
OCTAL = re.compile("[-+]?0[0-7_]+")
Loader.add_constructor(f"{TAG}int", Loader.number)
Loader.add_constructor(f"{TAG}float", Loader.number)


class Texts(Loader):
    """All values are texts, as they are written."""

    yaml_implicit_resolvers = {"<": Loader.yaml_implicit_resolvers["<"]}


MOST = 100_000  # values in a file


def check_aliases(root: yaml.Node | None) -> None:
    """Raises YamlFault if an alias stands in what it names, or all of them name very much."""
    sizes, above = {}, set()

    def size(node: yaml.Node) -> int:
        if not isinstance(node, yaml.CollectionNode):
            return 1
        if id(node) in above:
            raise YamlFault(
                "an alias stands inside of what it names; write it out", node.start_mark
            )
        if id(node) not in sizes:
            above.add(id(node))
            pairs = isinstance(node, yaml.MappingNode)
            inner = [n for pair in node.value for n in pair] if pairs else node.value
            sizes[id(node)] = 1 + sum(map(size, inner))
            above.remove(id(node))
        return sizes[id(node)]

    if root is not None and size(root) > MOST:
        raise YamlFault(
            f"there are more than {MOST} values once aliases are written out; use fewer",
            root.start_mark,
        )
