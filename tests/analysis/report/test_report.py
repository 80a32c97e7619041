"""What a report holds, in each of its forms, and how it is written."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import nbclient
import nbformat
import pandas as pd
import pytest
import yaml
from scipy import stats

import analysis
from analysis.judging.intervals import Interval
from analysis.judging.lead import Finding
from analysis.report import FORMATS, report_path, write_report
from analysis.report.conclusion import conclude
from analysis.report.document import document
from analysis.report.settings import settings_yaml
from analysis.tables.sweep import best
from search.config.reader import read_config
from tests.analysis.report.conftest import HOSTILE
from tests.analysis.report.made import write_sweep
from tests.search.sweeps import ratchet


def winner_of(sweep: analysis.Sweep) -> pd.Series:
    found = best(sweep.search_trials())
    assert found is not None
    return found


def test_the_verdict_compares_with_the_best_baseline_batch_by_batch(small: analysis.Sweep) -> None:
    found = conclude(small)
    assert found is not None
    assert found.lead is not None
    trials = small.trials.set_index("trial")
    baseline = trials["composite"].iloc[:3].idxmax()
    assert found.lead.baseline == trials["role"][baseline]
    assert found.lead.value == trials["composite"][found.trial] - trials["composite"][baseline]
    records = small.records.assign(value=small.records[["es", "ps", "ns"]].mean(axis=1))
    means = records.pivot_table(index="batch", columns="trial", values="value")
    expected = stats.ttest_rel(means[found.trial], means[baseline]).confidence_interval(0.95)
    assert found.lead.interval == pytest.approx((expected.low, expected.high, 0.95))


def test_one_batch_rules_nothing_out(small: analysis.Sweep) -> None:
    found = conclude(replace(small, records=small.records[small.records["batch"] == 0]))
    assert found is not None
    assert found.lead is not None
    assert found.interval == Interval(0.0, 1.0, 0.95)
    assert found.lead.interval == Interval(-1.0, 1.0, 0.95)
    assert found.verdict is Finding.CANNOT_TELL


def test_a_completed_trial_without_records_is_damage(small: analysis.Sweep) -> None:
    with pytest.raises(analysis.ResultsError, match="records"):
        conclude(replace(small, records=small.records.head(0)))


def test_settings_are_a_configuration_that_ratchet_reads(
    small: analysis.Sweep, tmp_path: Path
) -> None:
    winner = winner_of(small)
    file = tmp_path / "best.yaml"
    file.write_text(settings_yaml(small, int(winner["trial"])))
    settings = read_config(file, space=False).flat()
    for key in ("greedy.steps", "greedy.min_improvement", "greedy.patience", "mu"):
        assert settings[key] == winner[f"config/{key}"]


def test_lists_are_lists_in_the_settings(hostile: analysis.Sweep) -> None:
    trials = hostile.trials
    listed = trials.loc[trials[f"config/{HOSTILE[0]}"] == "[1, 2]", "trial"].iloc[0]
    assert yaml.safe_load(settings_yaml(hostile, int(listed)))[HOSTILE[0]] == [1, 2]


def test_every_question_is_answered_or_left_out_with_a_reason(small: analysis.Sweep) -> None:
    chapters = document(small).chapters
    left_out = {name: why for each in chapters for name, why in each.left_out.items()}
    assert left_out == {
        "How much of the lead was luck?": "the sweep has not been confirmed",
        "Did stopping cost anything?": left_out["Did stopping cost anything?"],
    }
    assert "audit" in left_out["Did stopping cost anything?"]
    assert sum(len(each.answers) for each in chapters) == 18


def test_a_sweep_without_a_completed_setting_has_a_report(
    small: analysis.Sweep, tmp_path: Path
) -> None:
    empty = {name: getattr(small, name).head(0) for name in ("trials", "steps", "records")}
    for form in FORMATS:
        write_report(replace(small, **empty), tmp_path / form, form)
    assert "Nothing to decide yet." in (tmp_path / "html").read_text()


def test_text_from_data_is_escaped_in_html(hostile: analysis.Sweep, tmp_path: Path) -> None:
    write_report(hostile, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert all(each not in text for each in HOSTILE)
    assert HOSTILE[0] in unescape(text)


def test_text_from_data_is_escaped_in_markdown(hostile: analysis.Sweep, tmp_path: Path) -> None:
    write_report(hostile, tmp_path / "page.md", "md")
    text = (tmp_path / "page.md").read_text()
    outside = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert not re.search(r"(?<!\\)<", outside)
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:2]}
    assert len(widths) == 1


def test_the_page_has_one_plotly_and_all_tables_have_captions(page: Path) -> None:
    text = page.read_text()
    assert text.count("plotly.js v") == 1
    assert text.count("<table>") == text.count("<caption>") == text.count("<figure>") == 18
    assert 'scope="col"' in text


@pytest.mark.nightly
def test_a_sweep_of_5000_trials_fits_into_8_megabytes(tmp_path: Path) -> None:
    sweep = analysis.load(write_sweep(tmp_path / "large", 5000))
    write_report(sweep, tmp_path / "large.html")
    assert (tmp_path / "large.html").stat().st_size <= 8_000_000


def test_the_notebook_runs(small: analysis.Sweep, tmp_path: Path) -> None:
    write_report(small, tmp_path / "report.ipynb", "ipynb")
    notebook = nbformat.read(tmp_path / "report.ipynb", as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=120).execute()
    figures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(figures) == 18


def test_a_report_replaces_a_file_or_leaves_it(small: analysis.Sweep, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("before")
    with pytest.raises(analysis.ResultsError):
        write_report(replace(small, records=small.records.head(0)), path, "md")
    assert path.read_text() == "before"
    write_report(small, path, "md")
    assert path.read_text().startswith("# made")
    assert os.listdir(tmp_path) == ["report.md"]


def test_an_unknown_form_is_refused(small: analysis.Sweep, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"form in \(html, md, ipynb\)"):
        write_report(small, tmp_path / "x", "pdf")


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("/data/first", "html", "/data/first/report.html"),
        ("s3://bucket/sweeps/first", "md", "first-report.md"),
    ],
)
def test_a_report_lies_in_the_sweep_or_here_for_an_object_store(
    small: analysis.Sweep, path: str, form: str, expected: str
) -> None:
    assert str(report_path(replace(small, path=path), form)) == expected


def test_the_command_writes_into_the_sweep_which_stays_readable(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", 5)
    done = ratchet("report", str(folder), "--format", "md")
    assert (done.returncode, done.stdout) == (0, f"{folder / 'report.md'}\n"), done.stderr
    assert len(analysis.load(folder).trials) == 8
    refused = ratchet("report", str(folder), "--out", str(tmp_path / "absent" / "x.html"))
    assert refused.returncode == 2
    assert refused.stderr.endswith("cannot be written: No such file or directory\n")
    assert refused.stderr.count("\n") == 1
