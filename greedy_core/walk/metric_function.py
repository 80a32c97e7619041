"""A user's own metric in the place of the built-in probes.

    def metric_fn(model, tokenizer, requests) -> {"es": ..., "ps": ..., "ns": ..., "composite": ...}

`model` is the edited Hugging Face model, a private copy with the edits merged, which the function
may change as it likes; torch's settings are put back after it. The unedited model is read-only
from then on, see `greedy_core.model.sealing`. `requests` are the batch's probed
records; their prompts are the probe prompts only. Results are kept for the walk, never in the
store: nobody knows what they depend on.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from greedy_core.errors import MetricError
from greedy_core.inputs.records import EditRecord
from greedy_core.metrics import Metrics
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import merge
from greedy_core.model.sealing import seal
from greedy_core.model.torch_state import torch_settings_kept
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State
from greedy_core.walk.metric_call import answer, shown
from greedy_core.walk.probe_signal import Measured, probed_requests

MOST_VALUE = 1e100
"""Differences, squares and sums of such numbers are still finite."""

MetricFunction = Callable[[Any, Any, Sequence[EditRecord]], Mapping[str, float]]


def load_metric(name: str) -> MetricFunction:
    """Import ``module:function``.

    Raises:
        MetricError: if there is no such module or function.
    """
    module_name, _, function_name = name.partition(":")
    module = answer(name, "importing it", lambda: importlib.import_module(module_name))
    function: MetricFunction | None = getattr(module, function_name, None)
    if not callable(function):
        raise MetricError(
            f"greedy.metric {name!r}: {module_name} has no function {function_name!r}"
        )
    return function


class MetricFunctionSignal:
    """Measures with a metric function, each state once."""

    def __init__(self, scores: StateScores, settings: EditSettings) -> None:
        assert settings.greedy.metric is not None
        self._name = settings.greedy.metric
        self._tree = scores.tree
        seal(self._tree.model.module)
        self._function = load_metric(self._name)
        self._settings = settings
        self._known: dict[tuple[str, int], Measured] = {}

    def measure(self, state: State, batch: int) -> Measured:
        """Hand the merged model over, or repeat what the function said about this state before.

        Raises:
            MetricError: if it raises, or does not return es, ps, ns and composite as
                numbers of at most `MOST_VALUE`, negative or not.
        """
        known = self._known.get((state.key, batch))
        if known is None:
            records = self._records(batch)
            model = copy.deepcopy(self._tree.model)
            merge(model, self._tree.factors(state))
            with torch_settings_kept():
                metrics = answer(self._name, "it", lambda: self._asked(model, records))
            known = Measured(metrics, _prompts(records), from_store=False)
            self._known[state.key, batch] = known
        return known

    def _asked(self, model: LanguageModel, records: Sequence[EditRecord]) -> Metrics:
        return _checked(self._function(model.module, model.tokenizer, records), self._name)

    def _records(self, batch: int) -> list[EditRecord]:
        splits = self._tree.plan.batches[batch]
        probed = probed_requests(
            [split.record.case_id for split in splits],
            self._settings.greedy.max_probes,
            self._settings.seed,
        )
        # Copies, since a function can write even into what is frozen.
        return [
            EditRecord(copy.deepcopy(split.request), split.probe_paraphrases, split.probe_neighbors)
            for split in (splits[i] for i in probed)
        ]


def _prompts(records: Sequence[EditRecord]) -> int:
    return sum(
        1 + len(record.paraphrase_prompts) + len(record.neighborhood_prompts) for record in records
    )


def _checked(values: object, name: str) -> Metrics:
    if not isinstance(values, Mapping):
        raise MetricError(f"greedy.metric {name!r} must return a mapping, but got {shown(values)}")
    faults = []
    numbers = []
    for key in ("es", "ps", "ns", "composite"):
        value = values.get(key)
        number = _number(value)
        if number is not None and abs(number) <= MOST_VALUE:
            numbers.append(number)
        else:
            faults.append(
                f"greedy.metric {name!r}: {key} must be a number from {-MOST_VALUE:g} to "
                f"{MOST_VALUE:g}, but got {shown(value)}"
            )
    if faults:
        raise MetricError(faults)
    return Metrics(*numbers)


def _number(value: object) -> float | None:
    """The value as a float; None where it is no number, or too large for one."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
