"""What README, docs, docstrings and help texts show runs as it is printed.

A document is read from its beginning to its end in one folder and one process: every block, in its
order. Commands run their trials in that process; the nightly tests run them with Ray. A command
that is repeated is not run again. Printed numbers are those of another machine, so decimals may
differ by 0.03 and percentages by 15.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
import typer.main
from typer.testing import CliRunner

import analysis
import ratchet
from search.cli.app import app, main
from search.cluster.private_ray import private_ray
from search.cluster.ray_session import QUIET
from search.config.arguments import split_arguments
from search.config.reader import read_config
from search.config.settings import KEYS
from tests.made_once import made_once
from tests.object_store import object_store
from tests.snippets import (
    DOCUMENTS,
    LANGUAGES,
    ROOT,
    Example,
    Snippet,
    commands,
    differences,
    examples,
    inline,
    snippets,
)

NOT_RUN = {
    "make ": "installs, and runs this test among others",
    ". .venv/bin/activate": "the tests' own interpreter is in it",
    "pip install": "it is installed",
    "export AWS_ENDPOINT_URL": "the tests' store listens at a port of its own",
    "ratchet edit model=gpt2-xl": "6 GB of weights",
    "ratchet run ray.address=auto": "a cluster; see tests/search/test_cluster.py",
    "sbatch": "SLURM; see tests/deploy",
    "ratchet extend results/first --trials 32": "minutes of walks; README extends by fewer trials",
}
"""Commands that are only parsed, by their beginnings, and why."""
NOT_RUN_EXAMPLES = {
    "analysis.answers.stopping.cost_of_stopping": "needs a sweep with search.audit above 0",
    "search.commands": "tests/search/test_commands.py runs them, one after the other",
    "greedy_core.model.export": "needs a model that was edited",
    "search.export.run.export_trial": "README exports by the command",
    "search.results.lock.SweepLock": "needs a folder that is open for writing",
}

RAYS_OWN = "from ray import tune"
"""In a block that is run with Ray alone."""

FIRST = "ratchet run search.trials=64 --results results --name first --in-process"
CONFIRM = "ratchet confirm results/first --top 3 --sequences 5 --in-process"


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One home with one cache, and one object store, for everything that is read here."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**QUIET, "HOME": str(home), "XDG_CACHE_HOME": str(home)}.items():
            patch.setenv(name, value)
        with object_store():
            boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).create_bucket(
                Bucket="bucket"
            )
            yield


@pytest.fixture(scope="module")
def with_ray(surroundings: None) -> Iterator[None]:
    """One Ray for all commands."""
    with private_ray() as ours:
        ours.start(num_cpus=2, log_to_driver=False)
        yield
        ours.leave(None)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, surroundings: None) -> Path:
    """The sweep that all documents begin with, confirmed, and what its commands printed."""

    def make(folder: Path) -> None:
        folder.mkdir()
        with contextlib.chdir(folder):
            for number, command in enumerate((FIRST, CONFIRM)):
                Path(f"{number}.txt").write_text(run(command))

    return made_once(tmp_path_factory, "examples", make)


def run(command: str) -> str:
    """Run a command of ours in this process; what it prints.

    Raises:
        AssertionError: it ends with another exit code than 0.
    """
    line, _, target = command.partition(" > ")
    out = io.StringIO()
    before = sys.argv, sys.path[:]
    sys.argv = shlex.split(line)
    try:
        with contextlib.redirect_stdout(out):
            main()
        code: object = 0
    except SystemExit as error:
        code = error.code or 0
    finally:
        sys.argv, sys.path[:] = before
    assert code == 0, f"exit code {code}: {out.getvalue()}"
    if target:
        Path(target.strip()).write_text(out.getvalue())
    return out.getvalue()


def is_run(command: str) -> bool:
    return not any(command.startswith(beginning) for beginning in NOT_RUN)


def parse(command: str) -> None:
    """Have a command of ours parsed, and its settings checked, without running it."""
    name, *arguments = shlex.split(command.partition(" > ")[0])[1:]
    group: Any = typer.main.get_command(app)
    try:
        context = group.commands[name].make_context(name, arguments)
    except typer.Exit:
        assert "--help" in command
        return
    if name in ("run", "edit", "config"):
        settings = [word for word in context.params["config"] or () if "=" in word]
        _, overrides = split_arguments(settings)
        read_config(None, overrides, space=name != "edit")


class Reader:
    """Does what a document says, block by block."""

    def __init__(self, first: Path, executor: str) -> None:
        self._with_ray = executor == "with_ray"
        self._names: dict[str, Any] = {}
        self._done = {c: (first / f"{n}.txt").read_text() for n, c in enumerate((FIRST, CONFIRM))}

    def read(self, snippet: Snippet) -> None:
        """Run a block, and compare what it prints."""
        if snippet.language == "sh":
            found = "".join(map(self._command, commands(snippet.text)))
        elif snippet.language == "python" and (self._with_ray or RAYS_OWN not in snippet.text):
            found = self._python(snippet.text)
        else:
            return
        if snippet.printed is not None:
            assert differences(snippet.printed, found) == [], found

    def evaluate(self, code: str) -> None:
        """An expression within the text."""
        eval(code, self._names)

    def _command(self, command: str) -> str:
        if command.startswith("ratchet "):
            parse(command)
        if not is_run(command):
            return ""
        if command not in self._done:
            self._done[command] = run(command)
        return self._done[command]

    def _python(self, text: str) -> str:
        """Run a block of Python; its last expression must have no errors of trials, if it tells."""
        tree = ast.parse(text)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(tree, "<snippet>", "exec"), self._names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "<snippet>", "eval"), self._names)
                assert not getattr(value, "errors", None), value.errors
                print(value)
        return out.getvalue()


def failures(items: list[Any], do: Callable[[Any], None]) -> list[str]:
    """What went wrong, item by item."""
    found = []
    for item in items:
        try:
            do(item)
        except Exception:
            found.append(f"{item}\n{traceback.format_exc(limit=-3)}")
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document: Path) -> None:
    assert [str(each) for each in snippets(document) if each.language not in LANGUAGES] == []


@pytest.mark.parametrize(
    "executor", ["in_this_process", pytest.param("with_ray", marks=pytest.mark.nightly)]
)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_can_be_followed_as_it_is_printed(
    document: Path, executor: str, first: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(executor)
    shutil.copytree(first / "results", tmp_path / "results")
    reader = Reader(first, executor)
    with contextlib.chdir(tmp_path):
        found = failures(snippets(document), reader.read)
        if document.name == "analysis.md":
            found += failures(inline(document, "ratchet.analysis."), reader.evaluate)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_within_the_text_are_ours(document: Path) -> None:
    whole = [each for each in inline(document, "ratchet ") if len(each.split()) > 2]
    assert failures([each for each in whole if not re.search(r"\b[A-Z]{2,}\b", each)], parse) == []


def test_every_reason_not_to_run_something_is_needed() -> None:
    blocks = [each for document in DOCUMENTS for each in snippets(document)]
    shown = [line for each in blocks if each.language == "sh" for line in commands(each.text)]
    for beginning in NOT_RUN:
        assert any(each.startswith(beginning) for each in shown), beginning


@pytest.mark.parametrize("package", ["analysis", "greedy_core", "search", "spaces"])
def test_docstrings_examples_run(
    package: str, first: Path, tmp_path: Path, in_this_process: None
) -> None:
    (tmp_path / "results").mkdir()
    for name in ("first", "my-sweep", "a", "b", "tpe", "random"):
        shutil.copytree(first / "results" / "first", tmp_path / "results" / name)
    sweep = analysis.load(tmp_path / "results" / "first")

    def do(example: Example) -> None:
        module = __import__(example.module, fromlist=["*"])
        names = {**vars(module), "ratchet": ratchet, "sweep": sweep, **_given(sweep)}
        for source, want in example.lines:
            out = io.StringIO()
            code = compile(source.replace("s3://bucket/", "results/"), "<example>", "single")
            with contextlib.redirect_stdout(out):
                exec(code, names)
            # What is printed of a sweep is of one that this is not.
            if not re.search("sweep|results/", "".join(each for each, _ in example.lines)):
                assert differences(want, out.getvalue()) == [], out.getvalue()

    left = [each for each in examples(package) if not str(each).startswith(tuple(NOT_RUN_EXAMPLES))]
    with contextlib.chdir(tmp_path):
        found = failures(left, do)
    assert found == [], "\n".join(found)


def _given(sweep: analysis.Sweep) -> dict[str, Any]:
    """What the examples take for given."""
    import numpy as np
    import pandas as pd

    from analysis.judging.record_composites import record_composites

    def values(trial: int) -> pd.DataFrame:
        return record_composites(sweep, trial=trial).assign(sequence=0)

    best = sweep.trials.dropna(subset=["score"]).set_index("trial")["score"].idxmax()
    tuned = values(int(best))
    baseline = tuned.assign(value=tuned["value"] - 0.1)
    return {"np": np, "pd": pd, "tuned": tuned, "baseline": baseline}


@pytest.mark.parametrize("command", sorted(getattr(typer.main.get_command(app), "commands", {})))
def test_the_example_of_a_commands_help_is_a_command(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    [example] = re.findall(r"Example: (.*)", shown.output)
    parse(example.strip())


def test_every_setting_in_the_table_exists() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    table = table.partition("| setting | meaning | default |")[2].partition("\n\n")[0]
    named = re.findall(
        r"`(\.?[a-z_.]+)`",
        "".join(row.split("|")[1] for row in table.splitlines()[1:] if "|" in row),
    )
    group = ""
    for name in named:
        full = group + name if name.startswith(".") else name
        group = full.rpartition(".")[0] if not name.startswith(".") else group
        assert full in KEYS, full
