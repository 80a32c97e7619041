"""YAML from outside, read so that nothing in it can hurt: sizes, nesting and aliases are bounded.

Keys may be nested, dotted, or both: `greedy: {steps: 4}` and `greedy.steps: 4` say the same.
Every value keeps the line that it came from, so that a fault can name its place.
"""

from __future__ import annotations

import difflib
import json
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from greedy_core.typed_values import LARGEST_INT, shown
from spaces.errors import DocumentError
from spaces.scalars import CORE, OLD_BREAKS, PREFIX, Resolvers, scalar
from spaces.values import inert

MAX_BYTES = 2**20
MAX_NODES = 2_000
MAX_DEPTH = 20

_UNREADABLE = object()
"""Stands for a value with a fault of its own, until its key is left out."""

_SCALARS = ("null", "bool", "int", "float")


@dataclass(frozen=True)
class Document:
    """A mapping read from YAML, and where its keys stand."""

    values: dict[str, object]
    """The mapping as plain Python values."""
    place: str
    """The file's name, or whatever else the text came from."""
    lines: dict[str, int] = field(default_factory=dict)
    """Dotted key -> line, counted from 1."""
    faults: tuple[str, ...] = ()
    """What is wrong although the rest could be read: repeated keys, bad numbers."""

    def where(self, key: str) -> str:
        """The place of a dotted key, as precisely as it is known."""
        return f"{self.place}:{self.lines[key]}" if key in self.lines else self.place


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping; a file without any content is an empty one.

    Raises:
        DocumentError: The file is missing, not UTF-8, too large, or not safe YAML.
    """
    place = inert(str(path))
    try:
        mode = path.stat().st_mode
        # Reading a pipe or a device may never end.
        content = _beginning(path) if stat.S_ISREG(mode) else None
    except (OSError, ValueError) as error:  # ValueError: a path with a null in it
        cause = error.strerror if isinstance(error, OSError) else None
        raise DocumentError(f"{place}: cannot be read: {cause or type(error).__name__}") from None
    if content is None:
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
        raise DocumentError(f"{place}: cannot be read: it must be a file, not {kind}")
    if len(content) > MAX_BYTES:
        raise DocumentError(f"{place}: a file may hold {MAX_BYTES} bytes at most")
    return parse_document(_decoded(content, place), place)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse_document(text: str, place: str, resolvers: Resolvers = CORE) -> Document:
    """The same for YAML that is already text; `resolvers` say what a plain scalar is."""
    reading = _Reading(place, resolvers=resolvers)
    values = reading.parse(text)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise DocumentError(f"{place}: must be a mapping of keys to values, not {shown(values)}")
    return Document(values, place, reading.lines, tuple(reading.faults))


def parse_value(text: str, place: str) -> object:
    """The value of one YAML text: a scalar, or a list or mapping in flow style."""
    reading = _Reading(place, numbered=False)
    value = reading.parse(text)
    if reading.faults:
        raise DocumentError(reading.faults)
    return value


def flatten(
    values: Mapping[str, object], is_value: Callable[[str, object], bool], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    """Pairs of dotted key and value; a key written both nested and dotted comes twice.

    Args:
        values: Nested, dotted or mixed mapping.
        is_value: Tells of a dotted key and its mapping whether to hand it on whole.
        prefix: Dotted key of `values` itself.
    """
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and not is_value(key, value):
            yield from flatten(value, is_value, f"{key}.")
        else:
            yield key, value


def nearest(name: str, names: Iterable[str]) -> str:
    """ " (did you mean `...`?)" with the valid names most like this one, or nothing."""
    valid = list(names)
    same_end = [other for other in valid if other.rpartition(".")[2] == name.rpartition(".")[2]]
    close = same_end[:3] or difflib.get_close_matches(name, valid, 1)
    return f" (did you mean {' or '.join(f'`{other}`' for other in close)}?)" if close else ""


class _BoundedLoader(yaml.SafeLoader):
    """A SafeLoader that gives up where a small file would grow into a large value."""

    def __init__(self, text: str, resolvers: Resolvers) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = dict(resolvers)  # in the place of YAML 1.1's

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self.depth += 1
        self.nodes += 1
        for holds, condition in (
            (not self.check_event(yaml.AliasEvent), "without aliases (*name)"),
            (self.depth <= MAX_DEPTH, f"nested {MAX_DEPTH} levels deep at most"),
            (self.nodes <= MAX_NODES, f"of {MAX_NODES} values at most"),
        ):
            if not holds:
                raise yaml.MarkedYAMLError(problem=f"must be YAML {condition}", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reading:
    """One YAML text on its way to plain values, with the lines of its keys and its faults."""

    def __init__(self, place: str, numbered: bool = True, resolvers: Resolvers = CORE) -> None:
        self.place = place
        self.resolvers = resolvers
        self.numbered = numbered
        self.lines: dict[str, int] = {}
        self.faults: list[str] = []

    def parse(self, text: str) -> object:
        self._refuse_other_ends(text)
        try:
            node = _BoundedLoader(text, self.resolvers).get_single_node()
        except yaml.MarkedYAMLError as error:
            line = 0 if error.problem_mark is None else error.problem_mark.line
            raise DocumentError(f"{self.at(line)}: {error.problem or error.context}") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position)
            raise DocumentError(f"{self.at(line)}: {error.reason}") from None
        value = None if node is None else self.value(node, "")
        return None if value is _UNREADABLE else value

    def _refuse_other_ends(self, text: str) -> None:
        """Refuse what PyYAML would drop without a word from what a user writes."""
        # A single value has no byte order mark; a file's is gone.
        found = re.search(f"[{OLD_BREAKS}]" if self.numbered else f"[{OLD_BREAKS}]|^\ufeff", text)
        if found is not None and self.resolvers is CORE:
            line = text.count("\n", 0, found.start())
            raise DocumentError(
                f"{self.at(line)}: {shown(found[0])} must be escaped, within double quotes"
            )

    def at(self, line: int) -> str:
        return f"{self.place}:{line + 1}" if self.numbered else self.place

    def value(self, node: yaml.Node, key: str) -> object:
        """The node's value, or _UNREADABLE after noting a fault; `key` is where it stands."""
        tag = node.tag.removeprefix(PREFIX)
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            items = [self.value(item, key) for item in node.value]
            return _UNREADABLE if any(item is _UNREADABLE for item in items) else items
        if isinstance(node, yaml.ScalarNode) and tag == "str":
            return node.value
        here = self.at(node.start_mark.line)
        if not isinstance(node, yaml.ScalarNode) or tag not in _SCALARS:
            self.faults.append(f"{here}: tags are not read, but got {shown(tag)}")
            return _UNREADABLE
        try:
            value = scalar(tag, node.value)
        except ValueError:
            value = _UNREADABLE
            self.faults.append(f"{here}: {shown(node.value)} cannot be read as {tag}")
        if isinstance(value, int) and abs(value) > LARGEST_INT:
            value = _UNREADABLE
            self.faults.append(f"{here}: a whole number must fit into 64 bits")
        return value

    def mapping(self, node: yaml.MappingNode, key: str) -> dict[str, object]:
        values: dict[str, object] = {}
        names: set[str] = set()
        for name_node, value_node in node.value:
            line = name_node.start_mark.line
            if not isinstance(name_node, yaml.ScalarNode):
                self.faults.append(f"{self.at(line)}: a key must be text, not a list or mapping")
                continue
            name = name_node.value
            if name in names:
                self.faults.append(f"{self.at(line)}: {shown(name)} is set a second time")
            names.add(name)
            dotted = f"{key}.{name}" if key else name
            self.lines.setdefault(dotted, line + 1)
            value = self.value(value_node, dotted)
            before = values.get(name)
            if isinstance(before, dict) and isinstance(value, dict):
                value = {**before, **value}  # so that the faults of both are found
            if value is not _UNREADABLE:
                values[name] = value
        return values


def _decoded(content: bytes, place: str) -> str:
    """UTF-8 text, without a byte order mark."""
    # Told by a byte order mark, or by where an ASCII character has its NULs.
    encoding = json.detect_encoding(content)
    if content[:4].strip(b"\0") and not encoding.startswith("utf-8"):
        cause = f"looks like {encoding.upper()}"
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            cause = f"byte {error.start} is not; is it Latin-1 or Windows-1252?"
    raise DocumentError(f"{place}: cannot be read: it must be UTF-8, but {cause}")
