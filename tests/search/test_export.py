from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

import analysis
from greedy_core.errors import InputError
from greedy_core.factworld import MODEL_DIR
from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.inputs.model_config import read_model_config
from greedy_core.model.export import logits
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import LoraFactors, edited
from greedy_core.walk.edit import run_edit
from search.config.reader import read_config
from search.config.settings import CacheSettings, SweepConfig
from search.export.recorded_trial import DECISION, METRICS, RecordedTrial, find_trial
from search.export.rewalk import rewalk
from search.export.run import export_trial
from search.worker.reports import STEP_FIELDS, evaluation_values, step_tuple
from search.worker.walk_context import WalkContext
from tests.search.metric_functions import GOOD
from tests.search.sweeps import ROOT, ratchet, recommit, recommit_rows, small_config

README = (ROOT / "README.md").read_text(encoding="utf-8")
OUT = "first-adapter"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory for exports."""
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def adapter(finished: Path, here: Path) -> Path:
    """The best trial of the finished sweep as an adapter."""
    export_trial(finished, "best", "adapter", OUT)
    return here / OUT


def walked(sweep: analysis.Sweep, wanted: str) -> tuple[LanguageModel, dict[int, LoraFactors]]:
    """A trial's edited model in memory, from its settings alone."""
    trial = find_trial(sweep, wanted)
    context = WalkContext.alone(trial.settings, CacheSettings(enabled=False))
    scores, settings = context.open(trial.settings)
    run = run_edit(scores, settings).run
    return scores.tree.model, scores.tree.factors(run.state)


def difference(
    model: LanguageModel, factors: dict[int, LoraFactors], loaded: Any, sweep: analysis.Sweep
) -> float:
    """Largest difference of logits between the edited model in memory and one from a folder."""
    settings = find_trial(sweep, "0").settings
    inputs = read_inputs(settings, read_model_config(settings.model))
    found = 0.0
    for split in inputs.selection.edited:
        with edited(model, factors):
            ours = logits(model, split.request.text)
        theirs = logits(LanguageModel(loaded, model.tokenizer), split.request.text)
        found = max(found, float((ours - theirs).abs().max()))
    return found


def parts_of(card: str) -> dict[str, str]:
    """The card's blocks of code by language; the last YAML block is the provenance."""
    return {kind: code for kind, code in re.findall(r"```(\w+)\n(.*?)```", card, flags=re.DOTALL)}


def test_an_adapter_has_the_logits_of_the_edited_model(
    adapter: Path, tables: analysis.Sweep
) -> None:
    model, factors = walked(tables, "best")
    base = AutoModelForCausalLM.from_pretrained(MODEL_DIR, dtype=torch.float32).eval()
    assert difference(model, factors, base, tables) > 0.1
    PeftModel.from_pretrained(base, adapter)
    # Logits are up to 13, where float32 steps by 1e-6; the sum beside the weight is as large as 35
    # weights, and torch may add it up in another order for PEFT's layout.
    assert difference(model, factors, base, tables) <= 3e-5


def test_a_merged_model_has_them_up_to_the_rounding_of_its_weights(
    finished: Path, tables: analysis.Sweep, here: Path
) -> None:
    said = export_trial(finished, "0", "merged", "deep/merged")
    model, factors = walked(tables, "0")
    loaded: Any = AutoModelForCausalLM.from_pretrained(here / "deep" / "merged").eval()
    assert loaded.dtype == torch.float32
    found = difference(model, factors, loaded, tables)
    assert found <= 1e-4  # updates are tens of times as large as the weight that they are added to
    assert f"trial 0 as a merged model in float32 (logits within {found:.2g})" in said
    assert f"no logit by more than {found:.2g}" in (here / "deep/merged/README.md").read_text()
    tokenizer = AutoTokenizer.from_pretrained(here / "deep" / "merged")
    assert (
        tokenizer("Anna Fenlin works")["input_ids"]
        == model.tokenizer("Anna Fenlin works")["input_ids"]
    )


def test_the_card_says_what_it_is(adapter: Path, finished: Path, tables: analysis.Sweep) -> None:
    card = (adapter / "README.md").read_text(encoding="utf-8")
    row = tables.trials.set_index("trial").loc[find_trial(tables, "best").number]
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "peft" and "lora" in front["tags"]
    shown = [line for line in card.splitlines() if line.startswith("| this model |")]
    cells = [cell.strip() for cell in shown[0].split("|")[2:-1]]
    assert cells == [f"{row[name]:.4f}" for name in METRICS]
    assert all(
        f"| {name} |" in card.replace("&#95;", "_") for name in ("unedited", "baseline_full")
    )
    assert card.count("| yes |") + card.count("| no |") == row["config/edits"]
    origin = yaml.safe_load(parts_of(card)["yaml"])
    assert origin["sweep"]["id"] == tables.config["sweep_id"]
    assert origin["digests"] == tables.config["digests"]


def test_the_cards_settings_are_a_file_that_edits_alike(
    adapter: Path, tables: analysis.Sweep, tmp_path: Path
) -> None:
    card = (adapter / "README.md").read_text(encoding="utf-8")
    block = re.findall(r"```yaml\n(.*?)```", card, flags=re.DOTALL)[0]
    (tmp_path / "trial.yaml").write_text(block)
    assert (
        read_config(tmp_path / "trial.yaml", space=False).edit
        == find_trial(tables, "best").settings
    )


def test_the_cards_code_runs_and_the_readme_shows_the_same(
    adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = parts_of((adapter / "README.md").read_text(encoding="utf-8"))["python"]
    exec(compile(code, "card", "exec"), {})
    prompt = re.findall(r'tokenizer\("(.*?)"', code)[0]
    assert capsys.readouterr().out.startswith(prompt)
    loading = code.partition("\nprompt = ")[0].strip()
    assert f"--to adapter {OUT}\n" in README and loading in README


def test_the_command_exports_without_ray(finished: Path, here: Path) -> None:
    script = (
        "import sys\nfrom search.cli.app import main\ntry:\n    main()\n"
        "finally:\n    assert 'ray' not in sys.modules\n"
    )
    words = ["export", str(finished), "--trial", "1", "--to", "adapter", "from-command"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(here)}
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"trial 1 as an adapter of rank \d+: from-command\n", done.stdout)
    assert {each.name for each in (here / "from-command").iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def ended(tables: analysis.Sweep, status: str) -> analysis.Sweep:
    """The tables with trial 1 ended in another way."""
    trials = tables.trials.copy()
    trials.loc[trials["trial"] == 1, ["status", "edits", "error"]] = [status, 4, "ran\x1b[2J out"]
    return replace(tables, trials=trials)


def running(tables: analysis.Sweep) -> analysis.Sweep:
    return replace(tables, trials=tables.trials[tables.trials["trial"] != 1])


@pytest.mark.parametrize(
    ("change", "wanted", "message"),
    [
        (lambda tables: ended(tables, "pruned"), "1", "trial 1 was stopped after 4 of 8 edits"),
        (lambda tables: ended(tables, "failed"), "1", "trial 1 failed: ran"),
        (running, "1", "trial 1 has not ended"),
        (lambda tables: tables, "99", "there is no trial 99; the highest that has ended is 8"),
        (lambda tables: tables, "-1", "trial must be best or a trial's number, but got '-1'"),
        (lambda tables: tables, "Best", "trial must be best or a trial's number"),
        (lambda tables: tables, "٣", "trial must be best or a trial's number"),
        (
            lambda tables: replace(tables, trials=tables.trials[tables.trials["role"] != "search"]),
            "best",
            "no search trial has been completed",
        ),
    ],
)
def test_only_a_completed_trial_can_be_found(
    tables: analysis.Sweep, change: Any, wanted: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_trial(change(tables), wanted)
    assert message in str(caught.value)


def test_the_best_is_of_the_search_and_every_baseline_has_its_number(
    tables: analysis.Sweep,
) -> None:
    searched = tables.trials[tables.trials["role"] == "search"]
    completed = searched[searched["status"] == "completed"]
    trial = find_trial(tables, "best")
    assert trial.metrics["composite"] == completed["composite"].max()
    assert trial.settings.layers == (0,) and trial.settings.edits == 8
    assert [find_trial(tables, n).role for n in "012"] == [
        "baseline_full",
        "baseline_default",
        "baseline_literal",
    ]


def rewritten(folder: Path, table: str, change: Any) -> None:
    """Replace a table's one part by a changed one."""

    def changed(rows: pa.Table) -> pa.Table:
        frame = change(rows.to_pandas())
        return pa.Table.from_pandas(frame, schema=rows.schema, preserve_index=False)

    recommit_rows(folder, table, changed)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copied"))


def with_other_fraction(steps: pd.DataFrame) -> pd.DataFrame:
    where = (steps["trial"] == 0) & (steps["batch"] == 2)
    steps.loc[where, "fraction_after"] = 0.5
    return steps


def test_a_walk_that_is_not_the_recorded_one_is_refused_and_leaves_nothing(
    copied: Path, here: Path
) -> None:
    rewritten(copied, "steps", with_other_fraction)
    before = set(here.iterdir())
    with pytest.raises(InputError) as caught:
        export_trial(copied, "0", "adapter", "other")
    [line, advice] = caught.value.faults
    assert line == (
        "the walk differs from the one in the results: batch 2 layer 0 step 0: "
        "was always at 1, 0.5 in force, is always at 1, 1 in force"
    )
    assert "--accept-differences" in advice
    assert set(here.iterdir()) == before
    export_trial(copied, "0", "adapter", "other", accept_differences=True)
    assert "differs from the one in the sweep" in (here / "other" / "README.md").read_text()


def test_a_metric_that_differs_is_refused_and_versions_are_named(copied: Path, here: Path) -> None:
    def shifted(trials: pd.DataFrame) -> pd.DataFrame:
        return trials.assign(ns=trials["ns"] - 0.25)

    rewritten(copied, "trials", shifted)
    recommit(copied, lambda content: content["versions"].update(torch="1.0.0"))
    with pytest.raises(InputError) as caught:
        export_trial(copied, "0", "adapter", "other-metric")
    assert any("results: ns: was" in line for line in caught.value.faults)
    assert f"torch was 1.0.0, is {torch.__version__}" in caught.value.faults


def test_a_trial_that_kept_no_step_has_nothing_to_export(copied: Path, here: Path) -> None:
    rewritten(copied, "steps", lambda steps: steps.assign(accepted=False))
    for form in ("adapter", "merged"):
        with pytest.raises(InputError, match="trial 0 kept no step"):
            export_trial(copied, "0", form, "nothing")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["dataset", "corpus", "model"])
def test_another_model_or_dataset_is_refused(name: str, copied: Path, here: Path) -> None:
    recommit(copied, lambda content: content["digests"].update({name: 64 * "f"}))
    with pytest.raises(InputError, match=f"the {name} must be what the sweep started with"):
        export_trial(copied, "best", "adapter", "other-data")


def test_what_can_be_refused_at_once_is_one_line_and_needs_no_torch(
    finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    cases = {
        (str(finished), "full"): "out must not exist, or be an empty folder",
        (str(finished), "s3://bucket/out"): "out must be a path on this machine",
        (str(finished), "full/file/out"): "out cannot be made",
        (str(tmp_path), "out"): "no sweep there",
        (str(finished), "out", "--trial", "99"): "there is no trial 99",
    }
    script = (
        "import sys\nfrom search.cli.app import main\n"
        f"for words in {list(cases)!r}:\n"
        "    sys.argv = ['ratchet', 'export', *words]\n"
        "    try:\n        main()\n"
        "    except SystemExit as ended:\n        print(ended.code)\n"
        "assert not {'torch', 'ray', 'transformers'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2", "2", "2", "2"]
    lines = done.stderr.splitlines()
    assert len(lines) == len(cases)
    for line, message in zip(lines, cases.values(), strict=True):
        assert line.startswith("ratchet: ") and message in line
    assert {each.name for each in tmp_path.iterdir()} == {"full"}


def test_the_form_is_one_of_two(finished: Path, tmp_path: Path) -> None:
    done = ratchet("export", str(finished), str(tmp_path / "out"), "--to", "gguf")
    assert done.returncode == 2 and "Traceback" not in done.stderr


calls = 0


def restless(model: Any, tokenizer: Any, requests: Any) -> dict[str, float]:
    """A metric function that does not repeat itself."""
    global calls
    calls += 1
    return {**GOOD, "composite": calls % 7 / 7}


@pytest.mark.parametrize(("function", "repeats"), [("good", True), ("restless", False)])
def test_a_custom_metrics_walk_is_repeated_too(function: str, repeats: bool) -> None:
    module = "tests.search.metric_functions" if repeats else __name__
    config = small_config({"greedy.metric": f"{module}:{function}", "greedy.steps": 2})
    trial, context = recorded(config)
    walk = rewalk(trial, context.inputs, {"model": context.model.digest()}, config.cache)
    assert (walk.differences == ()) == repeats


def recorded(config: SweepConfig) -> tuple[RecordedTrial, WalkContext]:
    """A walk as the tables of a sweep would hold it."""
    context = WalkContext.alone(config.edit, config.cache)
    scores, settings = context.open(config.edit)
    result = run_edit(scores, settings)
    rows = [dict(zip(STEP_FIELDS, step_tuple(each), strict=True)) for each in result.run.events]
    trial = RecordedTrial(
        number=3,
        role="search",
        generation=0,
        settings=settings,
        metrics=evaluation_values(result.edited),
        unedited=evaluation_values(result.unedited),
        steps={
            (row["sequence"], row["batch"], row["layer"], row["step"]): {
                name: row[name] for name in DECISION
            }
            for row in rows
        },
    )
    return trial, context
