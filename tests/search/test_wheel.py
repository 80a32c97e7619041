"""A wheel takes the names `ratchet` and `ratchet_tune`, and leaves all others to their owners."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import ray

import analysis
from tests.search.surroundings import clean_environment, crowd
from tests.search.sweeps import ROOT, overrides

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
SOURCES = (
    *("analysis", "greedy_core", "ratchet", "search", "spaces"),
    *("ratchet_tune.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"),
)
LOOKS = """
import importlib, pkgutil, sys
import analysis, ratchet, search
for name in ratchet.__all__:
    getattr(ratchet, name)
for each in pkgutil.walk_packages(ratchet.__path__, "ratchet."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
from ratchet.analysis import reasons
print(analysis.MINE, search.MINE, ratchet.GreedyEditTrainable.__module__)
print([m for m in ("greedy_core", "spaces", "search.errors") if m in sys.modules])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from nothing but the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        subprocess.run(["cp", "-r", ROOT / name, sources], check=True)
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources]
    subprocess.run([*PIP, *build], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that also has somebody's own `search` and `analysis`."""
    fresh = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)
    (installed,) = fresh.glob("lib/*/site-packages")
    # What we need lies where the tests' own environment has it; the editable install does not.
    (installed / "needed.pth").write_text(str(Path(ray.__file__).parent.parent))
    into = ["--python", fresh / "bin" / "python", "install", "--no-deps", "--no-index", wheel]
    subprocess.run([*PIP, *into], check=True)
    (installed / "search").mkdir()
    (installed / "search" / "__init__.py").write_text("MINE = 'my search'\n")
    (installed / "analysis.py").write_text("MINE = 'my analysis'\n")
    return fresh / "bin"


def test_its_top_level_names_are_ours_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"ratchet", "ratchet_tune.py", "ratchet_tune-0.1.0.dist-info"}
    assert "ratchet/py.typed" in names
    assert "ratchet/analysis/report/page.html.j2" in names
    built = {name for name in names if name.startswith("ratchet/") and name.endswith(".py")}
    packages = ("analysis", "greedy_core", "search", "spaces")
    ours = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    own = [ROOT / "ratchet" / name for name in ("__init__.py", "__main__.py")]
    assert len(built) == len({*ours, *own})


def test_everything_in_it_is_imported_beside_packages_of_the_same_names(
    programs: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [programs / "python", "-c", LOOKS],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    trainable = "ratchet.search.tune.trainable"
    assert done.stdout.splitlines() == [f"my analysis my search {trainable}", "[]"], done.stderr


@pytest.mark.parametrize(
    "options", [("--in-process",), pytest.param((), marks=pytest.mark.nightly)], ids=["here", "ray"]
)
def test_it_runs_among_foreign_modules(
    programs: Path, tmp_path: Path, cache_folder: Path, options: tuple[str, ...]
) -> None:
    """`python -m ratchet` cannot do so where there is a `ratchet` among them."""
    work = crowd(tmp_path / "work")
    environment = clean_environment(PYTHONPATH=".", XDG_CACHE_HOME=str(cache_folder))

    def runs(*line: str | Path) -> str:
        done = subprocess.run(line, cwd=work, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "foreign" not in done.stderr
        return done.stdout

    changes = {"edits": 4, "search.trials": 1, "greedy.metric": "metric_of_mine:metric_fn"}
    runs(programs / "ratchet", "run", *overrides(changes), *options)
    steps = analysis.load(work / "results" / "sweep").steps
    assert 0.75 in set(steps["composite_after"])
    best = runs(programs / "ratchet", "best", "results/sweep", "--json")
    (work / "ratchet.py").unlink(missing_ok=True)
    shutil.rmtree(work / "ratchet", ignore_errors=True)
    again = runs(programs / "python", "-m", "ratchet", "best", "results/sweep", "--json")
    assert json.loads(best) == json.loads(again)


def test_a_checkout_is_the_command_among_foreign_modules_too(tmp_path: Path) -> None:
    work = crowd(tmp_path / "work")
    (work / "ratchet.py").unlink(missing_ok=True)
    shutil.rmtree(work / "ratchet", ignore_errors=True)
    line = [sys.executable, "-m", "ratchet", "config"]
    environment = clean_environment(PYTHONPATH=f".:{ROOT}")
    done = subprocess.run(line, cwd=work, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("model: factworld"), done.stderr


@pytest.fixture(scope="module")
def moved_imports() -> Callable[[bytes], bytes]:
    """The function of setup.py that rewrites a module."""
    spec = importlib.util.spec_from_file_location("setup_of_ratchet", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[bytes], bytes] = module.moved_imports
    return found


@pytest.mark.parametrize(
    ("source", "moved"),
    [
        ("import search", "import ratchet.search as search"),
        ("import os, search, sys", "import os, ratchet.search as search, sys"),
        ("import search.session.run as it", "import ratchet.search.session.run as it"),
        ("from search import HOME", "from ratchet.search import HOME"),
        (
            "from spaces.values import (\n    inert,\n)",
            "from ratchet.spaces.values import (\n    inert,\n)",
        ),
        ("if 1:\n    from analysis import *", "if 1:\n    from ratchet.analysis import *"),
        ("é = 'ü'; import analysis; é", "é = 'ü'; import ratchet.analysis as analysis; é"),
        ("from . import search", "from . import search"),
        ("import searching, ray", "import searching, ray"),
        ("'import search'  # from search import it", "'import search'  # from search import it"),
        ("a = 1\r\nimport spaces\r\n", "a = 1\r\nimport ratchet.spaces as spaces\r\n"),
    ],
)
def test_imports_are_rewritten_and_nothing_else(
    moved_imports: Callable[[bytes], bytes], source: str, moved: str
) -> None:
    assert moved_imports(source.encode()).decode() == moved


@pytest.mark.parametrize("source", ["import search.tune", "from  search import HOME"])
def test_an_import_that_cannot_be_rewritten_ends_the_build(
    moved_imports: Callable[[bytes], bytes], source: str
) -> None:
    with pytest.raises(ValueError, match="line 1: "):
        moved_imports(source.encode())
