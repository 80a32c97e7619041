"""Rows `score-factworld` and `score-gpt2-124m`: held-out prompts against one prompt at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.models import gpt2_124m
from benchmarks.plain_scoring import plain_scores
from benchmarks.rows import Row, in_turn, median_ratio
from benchmarks.sheets import BATCH, RECORDS, Sheets, held_out_sheets
from greedy_core.inputs.model_presets import preset_for
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.scoring import Question


def check_verdicts(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of any log-probability.

    Raises:
        AssertionError: if another target is preferred after any prompt.
    """
    differ = np.flatnonzero((ours[:, 0] > ours[:, 1]) != (theirs[:, 0] > theirs[:, 1]))
    if len(differ):
        raise AssertionError(
            f"verdicts must be the same, but differ at questions {differ.tolist()}"
        )
    return float(np.abs(ours - theirs).max())


def _row(
    name: str,
    model: LanguageModel,
    layer: int,
    sheets: Sequence[Sequence[Question]],
    target: float,
    passes: int,
) -> Row:
    """Sheet by sheet in turn, so that both sides meet the same noise; all sheets in each pass."""
    laid_out = Sheets.of(model, sheets, layer)
    theirs: dict[int, np.ndarray] = {}
    ours: dict[int, np.ndarray] = {}
    warm_up = [0]
    order = warm_up + list(range(len(sheets))) * passes
    slow_order, fast_order = iter(order), iter(order)

    def run_theirs() -> None:
        number = next(slow_order)
        theirs[number] = plain_scores(model.module, model.tokenizer, sheets[number])

    def run_ours() -> None:
        number = next(fast_order)
        ours[number] = laid_out.score(number)

    rounds = passes * len(sheets)
    slow, fast = in_turn(run_theirs, run_ours, rounds)
    numbers = iter(order), iter(order)
    alone, with_prefix = in_turn(
        lambda: laid_out.score(next(numbers[0])),
        lambda: laid_out.score_with_prefix(next(numbers[1])),
        rounds,
    )
    ratio = median_ratio(slow, fast)
    whole = ratio / median_ratio(with_prefix, alone)
    apart = check_verdicts(
        *(np.concatenate([side[i] for i in sorted(side)]) for side in (ours, theirs))
    )
    note = (
        f"{sum(map(len, sheets))} held-out prompts of {RECORDS} records in sheets of {BATCH} "
        f"records, blocks {layer} to {model.layers - 1} from the kept prefix: one prompt at a time "
        f"{sum(slow) / passes:.2f} s, ours {sum(fast) / passes:.3f} s; "
        f"with the prefix computed too {whole:.1f} times faster; "
        f"same verdicts, log-probabilities at most {apart:.0e} apart; 1 thread"
    )
    return Row(name, ratio, target, "more", "times faster", note)


def measure() -> list[Row]:
    """Both models, at the layers that their presets edit; sheets of the default batch size."""
    torch.set_num_threads(1)
    sheets = held_out_sheets()
    factworld = load_model("factworld", device="cpu")
    large = gpt2_124m()
    layer = preset_for(large.config.to_dict()).layers[0]
    return [
        _row("score-factworld", factworld, 0, sheets, 30.0, 3),
        _row("score-gpt2-124m", large, layer, sheets, 6.0, 1),
    ]
