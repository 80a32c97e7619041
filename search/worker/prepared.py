"""What a sweep computes once for all of its workers; the driver maps it, too, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.model.shared_weights import SharedWeights
from greedy_core.store.artefacts import Artefact
from search.config.settings import SweepConfig


@dataclass(frozen=True)
class Prepared:
    """What a sweep computes once and hands to every worker, read-only."""

    config: SweepConfig
    """The sweep's configuration, with the model's presets filled in."""
    inputs: Inputs
    """Settings, records and corpus."""
    before: np.ndarray
    """A margin before the arrays: fields travel in this order."""
    weights: SharedWeights
    """The base model."""
    model_digest: str
    """The model's part of every key."""
    artefacts: dict[str, Artefact]
    """Covariances, keys, base targets, hidden states."""
    behind: np.ndarray
    """A margin after the arrays."""
    import_roots: Sequence[str] = ()
    """Folders that modules of metric functions lie in."""
    import_places: tuple[str, ...] = ()
    """Folders that the driver imports from, where a metric function may be."""

    @property
    def digests(self) -> Mapping[str, str]:
        """Of model, dataset and corpus."""
        return {
            "model": self.model_digest,
            "dataset": self.inputs.selection.digest,
            "corpus": self.inputs.corpus.digest,
        }
