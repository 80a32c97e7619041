"""Trials that share nothing, as the research prototype ran them: everything is computed again."""

from __future__ import annotations

import time

from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.model.loading import load_model
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states
from greedy_core.walk.greedy import GreedyRun
from search.config.settings import SweepConfig
from search.sweep.history import SearchHistory
from search.sweep.sweep_rungs import trial_rungs
from search.worker.walk_context import WalkContext


def walk_alone(config: SweepConfig, trials: int) -> float:
    """Seconds that random settings of the sweep's space take one after the other, model loaded."""
    model = load_model(config.edit.model, config.edit.dtype, config.edit.device)
    context = WalkContext.alone(config.edit, config.cache)
    history = SearchHistory(config.search_space().distributions, "random", seed=0)
    digest = model.digest()
    seconds = 0.0
    for index in range(trials):
        trial = config.with_values(history.ask(index))
        settings = context.open(trial.edit)[1]
        inputs = Inputs(settings, context.inputs.selection, context.inputs.corpus)
        started = time.perf_counter()
        scores = open_states(inputs, model, MemoryStore(), digest)
        walk = GreedyRun(scores, settings)
        for rung in (*trial_rungs(trial), trial.edit.edits):
            while walk.edits < rung:
                walk.step()
            walk.evaluate()
        seconds += time.perf_counter() - started
    return seconds
