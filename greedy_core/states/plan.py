"""The plan: everything that fixes what the states mean, taken from settings and dataset."""

from __future__ import annotations

from dataclasses import dataclass

from greedy_core.errors import SettingsError
from greedy_core.inputs.corpus import Corpus
from greedy_core.inputs.prompt_split import PromptSplit
from greedy_core.inputs.selection import Selection
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import CovarianceSettings, EditSettings, Targets, ValuesSettings


@dataclass(frozen=True)
class Plan:
    """Resolved plan settings with the records they apply to."""

    batches: tuple[tuple[PromptSplit, ...], ...]
    """The edited records, batch by batch."""
    layers: tuple[int, ...]
    """Edited layers, rising."""
    targets: Targets
    """On which model target values are optimized."""
    mu: float
    """Damping."""
    rank: int | None
    """Cap on each layer's rank."""
    values: ValuesSettings
    """Target values; nothing in it is None."""
    covariance: CovarianceSettings
    """Second moment."""
    corpus: Corpus
    """What the second moment is taken over."""

    @classmethod
    def of(cls, settings: EditSettings, selection: Selection, corpus: Corpus) -> Plan:
        """Take the plan from resolved settings."""
        assert settings.layers is not None and settings.mu is not None
        return cls(
            batches=tuple(selection.batches(settings.batch_size)),
            layers=settings.layers,
            targets=settings.targets,
            mu=settings.mu,
            rank=settings.rank,
            values=settings.values,
            covariance=settings.covariance,
            corpus=corpus,
        )

    @property
    def edits(self) -> int:
        """Number of requests."""
        return sum(len(batch) for batch in self.batches)


def check_layers(settings: EditSettings, model: LanguageModel) -> None:
    """Compare the edited layers with the model's.

    Raises:
        SettingsError: if the model has no such block.
    """
    top = max(settings.layers or (0,))
    if top >= model.layers:
        raise SettingsError(
            f"`max(layers) < layers of the model` must hold, but got "
            f"(layers={list(settings.layers or ())}, layers of the model={model.layers})"
        )
