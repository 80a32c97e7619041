"""Finds what the documents and docstrings show, and compares what is printed with what came out."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LANGUAGES = ("sh", "python", "yaml", "text", "mermaid")

DECIMALS = 0.03
"""How far a printed decimal may be from one found: trials of a sweep end in any order."""
PERCENT = 15

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_NUMBER = re.compile(r"[<+-]?\d*\.\d+|[<+-]?\d+%?")


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    text: str
    printed: str | None
    """The text that follows at once: what it prints."""

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def snippets(document: Path) -> list[Snippet]:
    """All fenced blocks of a document, in their order."""
    text = document.read_text(encoding="utf-8")
    found = [*_FENCE.finditer(text)]
    blocks = []
    for match, then in zip(found, [*found, None][1:], strict=True):
        follows = then is not None and not text[match.end() : then.start()].strip()
        printed = then[2] if then is not None and follows and then[1] == "text" else None
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Snippet(document, line, match[1], match[2], printed))
    return blocks


def inline(document: Path, first: str) -> list[str]:
    """Code in the running text and in tables that begins so."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return [code for code in _INLINE.findall(text) if code.startswith(first)]


def commands(text: str) -> list[str]:
    """The commands of a shell block, one a line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class Example:
    """The lines after >>> in a docstring."""

    module: str
    owner: str
    lines: tuple[tuple[str, str], ...]
    """Each statement with what it prints; nothing if that is not said."""

    def __str__(self) -> str:
        return f"{self.module}.{self.owner}"


def examples(package: str) -> Iterator[Example]:
    """All docstrings' examples of a package, found without importing it."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            found = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
            if found:
                lines = tuple((each.source, each.want) for each in found)
                yield Example(name, getattr(node, "name", ""), lines)


def differences(printed: str, found: str) -> list[str]:
    """Printed lines that no line of what was found is like; numbers may differ a little."""
    lines = found.splitlines()
    return [
        line
        for line in printed.splitlines()
        if line.strip() and not any(_alike(line, other) for other in lines)
    ]


def _alike(printed: str, found: str) -> bool:
    ours, theirs = printed.split(), found.split()
    return len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _same(printed: str, found: str) -> bool:
    if printed == found:
        return True
    if not (_NUMBER.fullmatch(printed) and _NUMBER.fullmatch(found)):
        return False
    (ours, theirs), percent = map(_value, (printed, found)), printed.endswith("%")
    exact = "." not in printed and not percent
    return not exact and abs(ours - theirs) <= (PERCENT if percent else DECIMALS)


def _value(text: str) -> float:
    return float(text.lstrip("<+-").rstrip("%")) * (-1 if text[0] == "-" else 1)
