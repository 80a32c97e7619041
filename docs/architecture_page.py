"""Writes docs/architecture.md: one picture of the folders and arrows, and what each folder owns.

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
The picture shows the folders of `search`, `analysis` and `greedy_core`. An arrow means "imports";
arrows that follow from others are left out, and none leads back up. How data flows through the
folders stands in [decisions.md](decisions.md).

This page is written by `make docs`; `pyproject.toml` declares which arrows there may be.
"""


def page() -> str:
    """The page, from the code as it is."""
    return f"{HEAD}\n```mermaid\n{_picture()}\n```\n{_folders()}"


def arrows() -> networkx.DiGraph:
    """Which folder imports which; `ratchet` and `spaces` have none below them."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found = networkx.DiGraph()
    found.add_nodes_from(folder for package in PACKAGES for folder in _folders_of(package))
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            edge = _folder(importer), _folder(imported)
            if edge[0] != edge[1] and None not in edge:
                found.add_edge(*edge)
    return found


def _picture() -> str:
    graph = arrows()
    lines = ["flowchart TB"]
    for package in PACKAGES:
        # Mermaid takes a folder and a box of one name for each other's parents.
        lines.append(f"  subgraph package_{package}[{package}]")
        lines += [
            f"    {_id(folder)}[{folder.partition('.')[2] or folder}]"
            for folder in _folders_of(package)
        ]
        lines.append("  end")
    reduced = networkx.transitive_reduction(graph)
    lines += [f"  {_id(a)} --> {_id(b)}" for a, b in sorted(reduced.edges)]
    return "\n".join(lines)


def _folders() -> str:
    lines = []
    for package in PACKAGES:
        lines += ["", f"## {package}", "", _prose_of(ROOT / package), ""]
        folders = [folder for folder in _folders_of(package) if folder != package]
        if folders:
            lines += ["| folder | what it owns |", "| --- | --- |"]
        for folder in folders:
            place = ROOT / folder.replace(".", "/")
            lines.append(f"| [{folder}](../{folder.replace('.', '/')}) | {_prose_of(place)} |")
    return "\n".join(lines) + "\n"


def _folders_of(package: str) -> list[str]:
    below = sorted(p.parent.name for p in (ROOT / package).glob("*/__init__.py"))
    return [f"{package}.{name}" for name in below] or [package]


def _folder(module: str) -> str | None:
    """The folder that a module is in; None for single files beside folders, such as errors."""
    package, _, rest = module.partition(".")
    folders = _folders_of(package)
    if folders == [package]:
        return package
    name = f"{package}.{rest.partition('.')[0]}"
    return name if name in folders else None


def _prose_of(place: Path) -> str:
    """A package's docstring without lists of its files, nor examples."""
    said = ast.get_docstring(ast.parse((place / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(" ".join(each.split()) for each in _prose(said))


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if "  " not in paragraph:  # which columns have, and code
            yield paragraph.replace("``", "`")


def _id(folder: str) -> str:
    return folder.replace(".", "_")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
