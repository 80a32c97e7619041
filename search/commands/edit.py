"""The function that edits a model with one setting, without a sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from analysis.tables.arguments import checked
from search.cluster.interrupts import interruptible
from search.commands.arguments import KINDS

if TYPE_CHECKING:
    from greedy_core.walk.edit import EditResult
    from greedy_core.walk.events import StepEvent
    from search.config.settings import SweepConfig


@checked(KINDS)
def edit(config: SweepConfig, *, on_step: Callable[[StepEvent], None] | None = None) -> EditResult:
    """Edit with one setting, in this process and without Ray.

    Args:
        config: its settings; those of the search are ignored.
        on_step: told of each greedy step; None: nobody is.

    Returns:
        the finished walk, and the model's metrics before and after it.

    Raises:
        InputError: a setting, a dataset or a model is wrong; all faults together.
        BaseModelChanged: a metric function changed the model; nothing computed on it is stored.
        OutOfMemory: memory is not enough.
        SweepInterrupted: after a signal.

    Example:
        >>> result = ratchet.edit(ratchet.Config.from_values({"edits": 4, "greedy.steps": 4}))
        >>> float(result.edited.held_out.composite)
        1.0
    """
    from search.config.arguments import resolved
    from search.config.places import expanded

    config = expanded(resolved(config))
    from greedy_core.walk.edit import run_edit  # imports torch, once the input is right
    from search.worker.last_words import told_by_another
    from search.worker.out_of_memory import told_out_of_memory
    from search.worker.walk_context import WalkContext

    with told_by_another(config.edit.greedy.metric), interruptible(), told_out_of_memory():
        context = WalkContext.alone(config.edit, config.cache)
        scores, settings = context.open(config.edit)

        def shared(event: StepEvent) -> None:
            context.share_if_due()
            if on_step is not None:
                on_step(event)

        result = run_edit(scores, settings, shared)
        context.verify()
    return result
