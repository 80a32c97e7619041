"""What a worker keeps between trials: the base model, and the states of the plans it has met."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from greedy_core.edit import open_states
from greedy_core.file_store import FileStore
from greedy_core.inputs import Inputs, read_inputs
from greedy_core.language_model import LanguageModel
from greedy_core.loading import SharedWeights, attach, check_unchanged, load_model, share
from greedy_core.metric_function import load_metric
from greedy_core.model_presets import resolve
from greedy_core.settings import EditSettings
from greedy_core.state_scores import StateScores
from greedy_core.store import Artefact, LayeredStore, MemoryStore, PreparedStore, Store
from search.config import CacheSettings, SweepConfig

_COMMON = ("model", "dataset", "edits", "confirm_records", "dtype", "device", "threads", "seed")
"""Settings that a bench's model and inputs follow from."""

KEPT_PLANS = 4
"""Plans whose states a worker keeps in memory; a space has few, since they are categorical."""


@dataclass(frozen=True)
class Prepared:
    """What a sweep computes once and hands to every worker, read-only."""

    config: SweepConfig
    """The sweep's configuration, with the model's presets filled in."""
    inputs: Inputs
    """Settings, records and corpus."""
    weights: SharedWeights
    """The base model."""
    model_digest: str
    """The model's part of every key."""
    artefacts: dict[str, Artefact]
    """Covariances and base targets."""


class Workbench:
    """Opens the states of a trial's plan, on one base model.

    Args:
        inputs: what all trials have in common; their settings are those of a trial that changes
            nothing.
        model: unedited.
        model_digest: its part of every key.
        cache: where states are stored.
        prepared: what has been computed already.
    """

    def __init__(
        self,
        inputs: Inputs,
        model: LanguageModel,
        model_digest: str,
        cache: CacheSettings,
        prepared: Store,
    ) -> None:
        self.inputs = inputs
        self.model = model
        self._model_digest = model_digest
        self._cache = cache
        self._prepared = prepared
        self._store = self._new_store()
        self._scores: OrderedDict[tuple[object, ...], StateScores] = OrderedDict()

    @classmethod
    def of(cls, prepared: Prepared) -> Workbench:
        """Build on what a sweep has prepared.

        Raises:
            BaseModelChanged: if the shared weights are not what they were.
        """
        model = attach(prepared.weights, prepared.inputs.settings.device)
        check_unchanged(model, prepared.weights.digest)
        return cls(
            prepared.inputs,
            model,
            prepared.model_digest,
            prepared.config.cache,
            PreparedStore(prepared.artefacts),
        )

    @classmethod
    def alone(cls, settings: EditSettings, cache: CacheSettings) -> Workbench:
        """Load everything that the settings name.

        Raises:
            InputError: with everything that is wrong.
        """
        model = load_model(settings.model, settings.dtype, settings.device)
        inputs = read_inputs(settings, model.config.to_dict())
        return cls(inputs, model, model.digest(), cache, PreparedStore({}))

    def serves(self, settings: EditSettings) -> bool:
        """Whether the settings name the same model, records and corpus."""
        given = self.inputs.settings
        return all(getattr(settings, name) == getattr(given, name) for name in _COMMON) and (
            settings.covariance.corpus == given.covariance.corpus
        )

    def open(self, settings: EditSettings) -> tuple[StateScores, EditSettings]:
        """The states of the settings' plan, and the settings with their presets filled in."""
        settings = resolve(settings, self.model.config.to_dict())
        if not self._cache.enabled:
            self._store = self._new_store()
            self._scores.clear()
        key = _plan_key(settings)
        if key not in self._scores:
            # Records and corpus are common to all trials, whatever they do with them.
            inputs = replace(self.inputs, settings=settings)
            scores = open_states(inputs, self.model, self._store, self._model_digest)
            self._scores[key] = scores
            if len(self._scores) > KEPT_PLANS:
                self._scores.popitem(last=False)
        self._scores.move_to_end(key)
        return self._scores[key], settings

    def _new_store(self) -> Store:
        if not self._cache.enabled:
            return LayeredStore(MemoryStore(), self._prepared)
        return LayeredStore(MemoryStore(), self._prepared, open_files(self._cache))


def prepare(config: SweepConfig) -> Prepared:
    """Load the base model, and compute what all trials of a sweep share.

    Raises:
        InputError: with everything that is wrong.
    """
    settings, cache = config.edit, config.cache
    if settings.greedy.metric is not None:
        load_metric(settings.greedy.metric)
    model = load_model(settings.model, settings.dtype, settings.device)
    inputs = read_inputs(settings, model.config.to_dict())
    digest = model.digest()
    kept = MemoryStore(limit_bytes=2**62)
    store = LayeredStore(kept, open_files(cache)) if cache.enabled else kept
    open_states(inputs, model, store, digest).tree.base.prepare()
    config = replace(config, edit=inputs.settings)
    return Prepared(config, inputs, share(model), digest, kept.artefacts)


def open_files(cache: CacheSettings) -> FileStore:
    """The store of files that the settings name."""
    return FileStore(cache_folder(cache), int(cache.limit_gb * 2**30))


def cache_folder(cache: CacheSettings) -> Path:
    """Where states are stored: the named folder, or `ratchet` in the user's cache folder."""
    if cache.dir is not None:
        return Path(cache.dir).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ratchet"


def _plan_key(settings: EditSettings) -> tuple[object, ...]:
    """The settings that fix what states mean and that trials may differ in."""
    return (
        settings.batch_size,
        settings.layers,
        settings.targets,
        settings.mu,
        settings.rank,
        settings.values,
        settings.covariance,
    )
