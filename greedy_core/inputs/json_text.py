"""JSON from outside, in which a key that is set twice is found wherever it stands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

MOST_VALUES = 2**23
"""Most commas and brackets in a text, hence most values: five times the whole of CounterFact. They
take 0.6 GB at worst; without a limit, 126 MB of `{},` take 3 GB."""

_MOST_SHOWN = 200
"""Characters of a place that are shown; nesting could make it as long as the text."""


class _Repeating(dict[str, object]):
    """An object some of whose keys were set more than once."""

    repeated: tuple[str, ...] = ()


def parse_json(text: str) -> object:
    """The value of a JSON text; `repeated_keys` tells what was set twice in it.

    Raises:
        ValueError: it is not JSON, or holds too much; worded to follow the file's name.
    """
    marks = sum(map(text.count, ",[{"))
    if marks > MOST_VALUES:
        raise ValueError(
            f"JSON may hold {MOST_VALUES} commas and brackets at most, but holds {marks}"
        )
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError("not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"not JSON that can be read: {error}") from None


def repeated_keys(value: object) -> Iterator[str]:
    """The places in a parsed value where a key was set more than once, such as `a.b[2].c`."""
    levels = [iter([("", value)])]
    while levels:
        place, each = next(levels[-1], ("", None))
        if each is None:
            levels.pop()
            continue
        if isinstance(each, _Repeating):
            yield from (_below(place, key) for key in each.repeated)
        levels.append(_nested(place, each))


def _nested(place: str, value: object) -> Iterator[tuple[str, object]]:
    """The objects and lists in an object or a list, with their places."""
    if isinstance(value, dict):
        below = ((key, each) for key, each in value.items() if isinstance(each, dict | list))
        return ((_below(place, key), each) for key, each in below)
    items = value if isinstance(value, list) else ()
    numbered = ((n, each) for n, each in enumerate(items) if isinstance(each, dict | list))
    return ((f"{place[:_MOST_SHOWN]}[{n}]", each) for n, each in numbered)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    marked = _Repeating(content)
    counts = Counter(name for name, _ in pairs)
    marked.repeated = tuple(name for name, count in counts.items() if count > 1)
    return marked


def _below(place: str, key: str) -> str:
    name = key if key.isidentifier() else repr(key[:_MOST_SHOWN])
    return f"{place[:_MOST_SHOWN]}.{name[:_MOST_SHOWN]}" if place else name[:_MOST_SHOWN]
