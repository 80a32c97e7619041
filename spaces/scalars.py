"""What a plain YAML scalar is: the core schema of YAML 1.2, of which PyYAML knows an older version.

In YAML 1.1 `010` is 8, `1:30` is 90, `1_000` a number, `no` a boolean, `2026-11-25` a date and
`1e3` a text. Here they are 10, a text, a text, a text, a text and 1000.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

PREFIX = "tag:yaml.org,2002:"

_NULLS = re.compile(r"~|null|Null|NULL|")
_BOOLS = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTS = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOATS = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)

Resolvers = Mapping[str | None, list[tuple[str, re.Pattern[str]]]]
"""First character of a scalar -> tags and what they look like, as PyYAML keeps them."""


def resolvers(patterns: Mapping[str, re.Pattern[str]]) -> Resolvers:
    """PyYAML's table for these tags, in which the first that fits counts."""
    whole = [(f"{PREFIX}{tag}", re.compile(f"(?:{p.pattern})\\Z")) for tag, p in patterns.items()]
    return {None: whole}


CORE = resolvers({"null": _NULLS, "bool": _BOOLS, "int": _INTS, "float": _FLOATS})


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _int(text: str) -> int:
    return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> float:
    if text.lower().endswith(("inf", "nan")):
        return float(text.replace(".", "", 1))
    return finite(text)


def finite(text: str) -> float:
    """The number that a text of digits is.

    Raises:
        ValueError: it is so near to 0 or so far from it that it would be read as 0 or infinity.
    """
    value = float(text)
    digits = re.split("[eE]", text)[0]
    if math.isinf(value) or (value == 0 and re.search("[1-9]", digits)):
        raise ValueError(f"must be a number of 64 bits, but got {text!r:.60}")
    return value


_KINDS: Mapping[str, tuple[re.Pattern[str], Callable[[str], object]]] = {
    "null": (_NULLS, lambda text: None),
    "bool": (_BOOLS, _bool),
    "int": (_INTS, _int),
    "float": (_FLOATS, _float),
}


def scalar(tag: str, text: str) -> object:
    """The value of a scalar.

    Args:
        tag: null, bool, int or float.
        text: as it is written.

    Raises:
        ValueError: the text is nothing of that kind.
        KeyError: another tag.
    """
    pattern, value = _KINDS[tag]
    if not pattern.fullmatch(text):
        raise ValueError(f"must be {tag}, but got {text!r:.60}")
    return value(text)


OLD_BREAKS = "\x85\u2028\u2029"
"""Line ends of YAML 1.1, which PyYAML knows: it drops them after a value, folds them inside one."""


class PlainDumper(yaml.SafeDumper):
    """Puts texts in quotes that YAML 1.1 or 1.2 would take for something else.

    A line end of YAML 1.1 within a text is escaped, since only then do both read the text alike.
    """

    yaml_implicit_resolvers = {**yaml.SafeDumper.yaml_implicit_resolvers, **CORE}  # noqa: RUF012

    def analyze_scalar(self, scalar: str) -> Any:
        analysis = super().analyze_scalar(scalar)
        if any(character in OLD_BREAKS for character in scalar):
            analysis.allow_flow_plain = analysis.allow_block_plain = False
            analysis.allow_single_quoted = analysis.allow_block = False
        return analysis
