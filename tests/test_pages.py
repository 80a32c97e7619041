"""Pages for people name files that exist, and what is written by a command is up to date."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.config.settings import KEYS

ROOT = Path(__file__).parent.parent
OURS = "search|greedy_core|analysis|spaces"
PAGES = ["CONTRIBUTING.md", "docs/architecture.md", "docs/decisions.md", "docs/reliability.md"]


@pytest.mark.parametrize("page", PAGES)
def test_files_and_packages_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    files = re.findall(rf"`((?:{OURS}|tests|docs)/[\w/.]+\.(?:py|md))`", text)
    links = re.findall(r"\]\(([\w/.]+)\)", text)
    modules = {*re.findall(rf"`((?:{OURS})(?:\.[a-z_]+)+)[`.:]", text)} - {*KEYS}
    missing = [each for each in files if not (ROOT / each).exists()]
    missing += [each for each in links if not ((ROOT / page).parent / each).exists()]
    missing += [
        each for each in sorted(modules) if not each.endswith(".py") and not is_module_or_name(each)
    ]
    assert missing == []


def test_contributing_names_every_file_with_nightly_tests() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = section.partition("## What `make nightly` adds")[2].partition("\n## ")[0]
    named = {*re.findall(r"test_\w+\.py", section)}
    marked = {
        each.name
        for each in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.nightly" in each.read_text(encoding="utf-8") and each != Path(__file__)
    }
    # Those that tests/search/results/conftest.py marks.
    on_a_store = {f"test_{name}.py" for name in ("inspection", "confirm_log", "log", "recovery")}
    assert named == marked | on_a_store


def is_module_or_name(dotted: str) -> bool:
    """Whether a dotted name leads to a file, or to a name in one."""
    *above, name = dotted.split(".")
    place = ROOT.joinpath(*above)
    if (place / name).is_dir() or (place / f"{name}.py").is_file():
        return True
    sources = [place.with_suffix(".py"), place / "__init__.py"]
    return any(each.is_file() and name in each.read_text(encoding="utf-8") for each in sources)


def page_writer() -> Any:
    """The module that writes docs/architecture.md, which is in no package."""
    place = ROOT / "docs" / "architecture_page.py"
    spec = importlib.util.spec_from_file_location("architecture_page", place)
    assert spec is not None and spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    return writer


def test_every_folder_says_what_it_never_does() -> None:
    writer = page_writer()
    folders = [each for name in writer.PACKAGES for each in (name, *writer._folders_of(name))]
    said = {each: writer._prose_of(ROOT / each.replace(".", "/")) for each in folders}
    denying = re.compile(r"\b[Nn]othing\b|\bno(t|r)?\b|the only package")
    assert [each for each, text in said.items() if not denying.search(text)] == []


def test_the_picture_of_the_folders_is_what_make_docs_writes() -> None:
    writer = page_writer()
    assert writer.PAGE.read_text(encoding="utf-8") == writer.page()


@pytest.mark.parametrize(
    "file",
    [".pre-commit-config.yaml", "CITATION.cff", *(ROOT / ".github").rglob("*.yml")],
    ids=lambda file: Path(file).name,
)
def test_files_for_other_programs_are_yaml(file: str | Path) -> None:
    assert yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
