"""Writes docs/architecture.md: one picture of the rooms and arrows, and what each room owns.

    python docs/architecture_page.py

The arrows are those of the code's own imports, TYPE_CHECKING ones included; what others imply is
left out. That they only go down is declared in pyproject.toml and checked by import-linter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import networkx

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("ratchet", "search", "analysis", "spaces", "greedy_core")

HEAD = """# Architecture

Five packages, from the top to the bottom: `ratchet` names what people import, `search` runs sweeps,
`analysis` reads their results, `spaces` says what may be searched, `greedy_core` edits models.
Within `search`, `greedy_core` and `analysis` each folder is a room. An arrow means "imports";
arrows that follow from others are left out, and none leads back up. How data flows through the
rooms stands in [decisions.md](decisions.md).

This page is written by `make docs`; `pyproject.toml` declares which arrows there may be.
"""


def page() -> str:
    """The page, from the code as it is."""
    return f"{HEAD}\n```mermaid\n{_picture()}\n```\n{_rooms()}"


def arrows() -> networkx.DiGraph:
    """Which room imports which; `spaces` is one room."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found = networkx.DiGraph()
    found.add_nodes_from(room for package in PACKAGES for room in _rooms_of(package))
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            edge = _room(importer), _room(imported)
            if edge[0] != edge[1] and None not in edge:
                found.add_edge(*edge)
    return found


def _picture() -> str:
    graph = arrows()
    lines = ["flowchart TB"]
    for package in PACKAGES:
        lines.append(f"  subgraph {package}")
        lines += [
            f"    {_id(room)}[{room.partition('.')[2] or room}]" for room in _rooms_of(package)
        ]
        lines.append("  end")
    reduced = networkx.transitive_reduction(graph)
    lines += [f"  {_id(a)} --> {_id(b)}" for a, b in sorted(reduced.edges)]
    return "\n".join(lines)


def _rooms() -> str:
    lines = []
    for package in PACKAGES:
        lines += ["", f"## {package}", "", _first_lines(ROOT / package), ""]
        rooms = [room for room in _rooms_of(package) if room != package]
        if rooms:
            lines += ["| room | what it owns |", "| --- | --- |"]
        for room in rooms:
            place = ROOT / room.replace(".", "/")
            lines.append(f"| [{room}](../{room.replace('.', '/')}) | {_first_lines(place)} |")
    return "\n".join(lines) + "\n"


def _rooms_of(package: str) -> list[str]:
    below = sorted(p.parent.name for p in (ROOT / package).glob("*/__init__.py"))
    return [f"{package}.{name}" for name in below] or [package]


def _room(module: str) -> str | None:
    """The room that a module is in; None for single files beside the rooms, such as errors."""
    package, _, rest = module.partition(".")
    rooms = _rooms_of(package)
    if rooms == [package]:
        return package
    name = f"{package}.{rest.partition('.')[0]}"
    return name if name in rooms else None


def _first_lines(place: Path) -> str:
    """The first paragraphs of a package's docstring, up to a list of its files."""
    said = ast.get_docstring(ast.parse((place / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(" ".join(each.split()) for each in _prose(said))


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if "  " in paragraph or "``" in paragraph:
            return
        yield paragraph


def _id(room: str) -> str:
    return room.replace(".", "_")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
