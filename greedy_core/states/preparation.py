"""What a sweep computes once, before its first trial, and hands to every worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from greedy_core.progress import OnProgress, Progress, silent
from greedy_core.states.prefixes import Rows
from greedy_core.states.state_scores import KINDS, StateScores

logger = logging.getLogger(__name__)


def prepare_states(
    scores: StateScores, limit_bytes: float, on_progress: OnProgress = silent
) -> None:
    """Compute all of a plan that no walk changes, and keep it in the states' store and in memory.

    Covariances with their Cholesky factors, keys, C^-1 K and base target values; then the hidden
    states at which edits begin to act, batch by batch. What is computed, and how, does not depend
    on the limit; hidden states beyond it are left to the workers.

    Args:
        scores: the plan's states.
        limit_bytes: memory for hidden states.
        on_progress: told about progress.
    """
    scores.tree.base.prepare(on_progress)
    batches = len(scores.tree.plan.batches)
    prefixes = scores.tree.prefixes
    used = 0
    for batch in range(batches):
        on_progress(Progress("hidden states of batch", batch, batches))
        for rows in _rows(scores, batch):
            used += prefixes.nbytes(rows)
            if used > limit_bytes:
                logger.info("hidden states of %d of %d batches are kept", batch, batches)
                return
            prefixes.of(rows)


def _rows(scores: StateScores, batch: int) -> Iterator[Rows]:
    """Everything about a batch that is run at many states."""
    tree = scores.tree
    rows = tree.rows(batch)
    yield rows.bare(tree.model)
    if len(tree.plan.layers) > 1:
        yield rows
    for kind in KINDS:
        yield scores.group(batch, kind)
