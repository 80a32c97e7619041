"""Puts the parts of an edit together: inputs, model, states, and a walk through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import EditSettings
from greedy_core.states.base_artefacts import BaseArtefacts
from greedy_core.states.plan import Plan, check_layers
from greedy_core.states.prefixes import Prefixes
from greedy_core.states.prompt_check import check_prompts
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import StateTree
from greedy_core.store.artefacts import MemoryStore, Store
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.events import StepEvent
from greedy_core.walk.greedy import GreedyRun


@dataclass(frozen=True)
class EditResult:
    """The result of one edit run."""

    run: GreedyRun
    """The finished walk, with its state and events."""
    unedited: Evaluation
    """Metrics of the model before."""
    edited: Evaluation
    """Metrics of the model after."""


def open_states(
    inputs: Inputs,
    model: LanguageModel,
    store: Store,
    model_digest: str | None = None,
    memory: Store | None = None,
) -> StateScores:
    """The states of a plan and their scores, on a model that nobody has edited.

    Sets torch's number of threads, on which every stored value depends.

    Args:
        inputs: settings, records and corpus.
        model: unedited.
        store: keeps what is computed.
        model_digest: the model's digest where it is known already; it takes a while to compute.
        memory: keeps hidden states, which are too large for a store on disk; by default this
            process does.

    Raises:
        SettingsError: if the model does not have the layers.
        RecordsError: if the model cannot read a prompt, now rather than in the middle.
    """
    torch.set_num_threads(inputs.settings.threads)
    check_layers(inputs.settings, model)
    plan = Plan.of(inputs.settings, inputs.selection, inputs.corpus)
    check_prompts(inputs.selection.edited, model)
    base = BaseArtefacts(model, plan, store, model_digest)
    prefixes = Prefixes(model, plan.layers[0], base.identity, memory or MemoryStore())
    return StateScores(StateTree(base, store, prefixes))


def run_edit(
    scores: StateScores,
    settings: EditSettings,
    on_step: Callable[[StepEvent], None] = lambda event: None,
) -> EditResult:
    """Walk to the end of the plan with one setting."""
    run = GreedyRun(scores, settings)
    while not run.done:
        on_step(run.step())
    return EditResult(run, run.unedited(), run.evaluate())
