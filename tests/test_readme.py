"""What the README shows, works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.config_reader import read_config
from search.sweep_inputs import split_arguments
from tests.search.results.rows import write_sweep

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if re.match(r"ratchet (run|edit|config) ", line)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_settings_of_the_commands_are_accepted(command: str) -> None:
    words = shlex.split(command.partition(" > ")[0])[2:]
    options = [i for i, word in enumerate(words) if word.startswith("--")]
    taken = {index for i in options for index in (i, i + 1)}
    _, overrides = split_arguments([w for i, w in enumerate(words) if i not in taken])
    read_config(None, overrides, space=command.startswith("ratchet run"))


def test_the_trainable_works_alone_in_three_lines(tmp_path: Path) -> None:
    [snippet] = [block for block in PYTHON if "GreedyEditTrainable" in block]
    lines = [line for line in snippet.splitlines() if line]
    assert len(lines) == 3
    shown = "results = " + lines[-1] + "\nprint(results[0].metrics['composite'])"
    code = "\n".join([*lines[:-1], shown])
    # Ray joins whatever runs on this machine unless it is told not to.
    private = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "RAY_ADDRESS": "local"}
    environment = {**os.environ, **private}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= float(done.stdout.split()[-1]) <= 1


READERS = [
    block
    for block in README.partition("### Reading Parquet")[2].partition("\n## ")[0].split("```")
    if block.startswith("python\n")
]


@pytest.mark.parametrize("snippet", READERS)
def test_one_liners_read_a_sweep(
    snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb
    import pandas as pd
    import polars as pl

    import analysis

    (tmp_path / "results").mkdir()
    for name in ("first", "second"):
        write_sweep(tmp_path / "results" / name, flushes=2)
    monkeypatch.chdir(tmp_path)
    names = {"analysis": analysis, "duckdb": duckdb, "pd": pd, "pl": pl}
    found = eval(snippet.removeprefix("python\n").strip(), names)
    # Four trials with a hundredth of their number as composite.
    if "duckdb" in snippet:
        assert [trial for (trial,) in found.select("trial").fetchall()] == [3, 2, 1, 0]
    elif "pl." in snippet:
        assert sorted(found["trial"]) == [0, 1, 2, 3]
    elif "analysis" in snippet:
        assert found.to_dict() == {"first": 0.03, "second": 0.03}
    else:
        assert [*found["trial"]] == [3, 2, 1, 0]


def test_each_reader_has_its_line() -> None:
    assert len(READERS) == 4


def test_every_setting_in_the_table_exists() -> None:
    from search.config import KEYS

    table = README.partition("| setting | meaning | default |")[2].partition("\n\n")[0]
    named = re.findall(
        r"`(\.?[a-z_.]+)`",
        "".join(row.split("|")[1] for row in table.splitlines()[1:] if "|" in row),
    )
    group = ""
    for name in named:
        full = group + name if name.startswith(".") else name
        group = full.rpartition(".")[0] if not name.startswith(".") else group
        assert full in KEYS, full
