"""Nothing that is read runs, nothing secret is written, and text from files stays text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from analysis.judging.verdict import Verdict
from search.cli import app as cli
from search.cli.progress_line import progress_line
from search.cli.verdict_table import print_verdict
from search.config.settings import SweepConfig
from search.tune.listener import cause_of
from search.worker.causes import cause_in
from tests.search.sweeps import ROOT, SECRETS

HOSTILE = "[bold]\x1b]0;title\x07\u202ekcab\u2066 :bomb: \r\x9b2J\x00"

PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every file of the packages."""
    for package in ("greedy_core", "spaces", "search", "analysis"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield str(file.relative_to(ROOT)), node


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    for file, node in nodes():
        if isinstance(node, ast.Call):
            yield file, ast.unparse(node.func), node


def test_nothing_imports_a_reader_of_pickles() -> None:
    wrong = []
    for file, node in nodes():
        if file == "greedy_core/model/shared_weights.py":
            continue  # what the driver and its workers hand each other in memory
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        wrong += [(file, name) for name in names if name in PICKLES]
    assert wrong == []


def test_nothing_is_read_in_a_way_that_can_run_it() -> None:
    forbidden = {"torch.load", "np.load", "numpy.load", "eval", "exec", "yaml.unsafe_load"}
    assert [(file, name) for file, name, _ in calls() if name in forbidden] == []
    loaders = [ast.unparse(node.keywords[0]) for _, name, node in calls() if name == "yaml.load"]
    assert loaders == ["Loader=_PlainLoader"]


def test_every_model_is_loaded_as_safetensors_and_without_its_own_code() -> None:
    from_folders = []
    for file, name, node in calls():
        given = {each.arg: ast.unparse(each.value) for each in node.keywords}
        assert given.get("trust_remote_code", "False") == "False"
        if name.endswith("from_pretrained") and ast.unparse(node.args[0]) != "None":
            from_folders.append((file, name))
            assert given["trust_remote_code"] == "False"
            assert name != "AutoModelForCausalLM.from_pretrained" or (
                given["use_safetensors"] == "True"
            )
    assert len(from_folders) == 3


def _texts(path: Path) -> Iterator[str]:
    """What a file says: its bytes, and for Parquet every cell and the metadata too."""
    yield path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".parquet":
        rows = pq.read_table(path)
        yield str(rows.schema.metadata)
        yield str(rows.to_pydict())


def test_secrets_of_the_environment_are_in_no_file_of_a_sweep(finished: Path) -> None:
    """`finished` ran with them set; the states that it stored lie beside it."""
    files = [*finished.parent.rglob("*")]
    assert {path.suffix for path in files} >= {".parquet", ".artefact"}
    texts = [text for path in files if path.is_file() for text in _texts(path)]
    assert len(texts) > 10
    assert "composite" in "".join(texts)
    for secret in SECRETS.values():
        assert not any(secret in text for text in texts)


def test_secrets_of_the_environment_are_in_no_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    arguments = ["edits=1", "greedy.steps=1", "values.steps=2", "cache.enabled=false"]
    events = tmp_path / "events.jsonl"
    cli.app(["edit", *arguments, "--verbose", "--events", str(events)], standalone_mode=False)
    captured = capsys.readouterr()
    text = captured.out + captured.err + events.read_text()
    assert "held-out" in text
    assert not any(secret in text for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("traceback", "cause"),
    [
        (
            "ray::Trial.train() (pid=1)\n  File 'a.py', line 1\n    f()\n    ^^^\n"
            "ZeroDivisionError: by zero",
            "ZeroDivisionError: by zero",
        ),
        (
            "ray::Trial.train()\n  File 'a.py', line 1\ngreedy_core.errors.MetricError: es: one\n"
            "ns: two\n",
            "MetricError: es: one ns: two",
        ),
        (
            "ray::x\n  File 'a.py'\nKeyError: 1\n\nDuring handling of this:\n\nray::x\n"
            "  File 'b.py'\na.b.Wrong",
            "Wrong",
        ),
        ("ray::x\n  File 'a.py'\nValueError: a\n  b", "ValueError: a b"),
        ("nothing else", "nothing else"),
    ],
)
def test_the_cause_of_a_failure_is_read_off_its_text(traceback: str, cause: str) -> None:
    assert cause_in(traceback) == cause


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (
            "ray::Trial.train()\n  File 'a.py', line 1\nValueError: OUT_OF_MEMORY\n",
            "ValueError: OUT_OF_MEMORY",
        ),
        (
            "ray.exceptions.RayActorError: the actor died: OUT_OF_MEMORY, the node was low\n",
            "the machine ran out of memory, and Ray ended the worker",
        ),
        (
            "ray.exceptions.RayActorError: the actor died unexpectedly\n",
            "the worker ended without a word: it was killed, perhaps for want of memory",
        ),
    ],
)
def test_a_trials_own_words_are_not_taken_for_rays(
    tmp_path: Path, failure: str, cause: str
) -> None:
    file = tmp_path / "error.txt"
    file.write_text(
        f"Failure # 1 (occurred at noon)\nray::x\n  File\nKeyError: 1\nFailure # 2\n{failure}"
    )
    assert cause_of(SimpleNamespace(error_file=str(file))) == cause


def test_the_progress_line_is_inert() -> None:
    config = {"greedy.metric": HOSTILE}
    recorder: Any = SimpleNamespace(
        counts=Counter(completed=1),
        earlier=0,
        running={},
        waiting=None,
        best={"composite": 0.5, "config": config},
    )
    line = progress_line(recorder, 2, 1.0, tuple(config))
    assert line.isprintable()
    assert "[bold]" in line


def test_the_table_of_best_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"composite": 0.5, "es": None, "ps": None, "ns": None, "score": None, "lead": None}
    print_verdict(
        Verdict(3, {HOSTILE: HOSTILE}, metrics, metrics, {HOSTILE: metrics}, {}, 1, ()),
        Console(width=400),
    )
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert out.count("[bold]") == 3
    assert out.count(":bomb:") == 3


def test_a_printed_configuration_is_inert_and_stays_the_same() -> None:
    plain = SweepConfig().with_values({"dataset": "Zürich/日本.json"})
    hostile = SweepConfig().with_values({"dataset": HOSTILE.replace("\x00", "")})
    assert "dataset: Zürich/日本.json" in plain.to_yaml()
    assert all(line.isprintable() for line in hostile.to_yaml().split("\n"))
