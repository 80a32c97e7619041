"""Row `suffix`: scoring from the edited block against scoring through the whole model."""

from __future__ import annotations

from statistics import median

import numpy as np
import torch

from benchmarks.models import gpt2_124m
from benchmarks.rows import Row, in_turn, median_ratio
from benchmarks.sheets import BATCH, Sheets, held_out_sheets
from greedy_core.inputs.model_presets import preset_for

TARGET = 1.7
TOLERANCE = 1e-5
RECORDS = 12


def measure() -> list[Row]:
    """The same sheets in the same batched layout, both ways.

    Raises:
        AssertionError: if the log-probabilities differ.
    """
    torch.set_num_threads(1)
    model = gpt2_124m()
    layer = preset_for(model.config.to_dict()).layers[0]
    sheets = held_out_sheets(RECORDS)
    whole, suffix = (Sheets.of(model, sheets, start) for start in (0, layer))
    numbers = range(len(sheets))
    results: dict[str, np.ndarray] = {}

    def run_whole() -> None:
        results["whole"] = np.concatenate([whole.score_with_prefix(i) for i in numbers])

    def run_suffix() -> None:
        results["suffix"] = np.concatenate([suffix.score(i) for i in numbers])

    slow, fast = in_turn(run_whole, run_suffix)
    apart = float(np.abs(results["whole"] - results["suffix"]).max())
    if apart > TOLERANCE:
        raise AssertionError(
            f"log-probabilities must agree to {TOLERANCE:g}, but are {apart:.2e} apart"
        )
    note = (
        f"held-out prompts of {RECORDS} records in sheets of {BATCH} records: "
        f"{model.layers} blocks {median(slow):.2f} s, blocks {layer} to "
        f"{model.layers - 1} from the kept prefix {median(fast):.2f} s; "
        f"log-probabilities at most {apart:.1e} apart; 1 thread"
    )
    return [Row("suffix", median_ratio(slow, fast), TARGET, "more", "times faster", note)]
