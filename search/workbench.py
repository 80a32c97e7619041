"""What a worker keeps between trials: the base model, and the states of the plans it has met."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from analysis.storage import S3
from greedy_core.blob_store import BlobStore
from greedy_core.blobs import FolderBlobs
from greedy_core.edit import open_states
from greedy_core.errors import InputError
from greedy_core.inputs import Inputs, read_inputs
from greedy_core.language_model import LanguageModel
from greedy_core.loading import SharedWeights, attach, check_unchanged, load_model, share
from greedy_core.metric_function import load_metric
from greedy_core.model_presets import resolve
from greedy_core.preparation import prepare_states
from greedy_core.progress import Report, silent
from greedy_core.recent import Recent
from greedy_core.settings import EditSettings
from greedy_core.state_scores import StateScores
from greedy_core.store import Artefact, LayeredStore, MemoryStore, PreparedStore, Store
from search.config import CacheSettings, SweepConfig
from search.results.places import needs_extra

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
    """Covariances, keys, base targets, hidden states."""
    import_places: tuple[str, ...] = ()
    """Folders that the driver imports from, where a metric function may be."""


class Workbench:
    """Opens the states of a trial's plan, on one base model.

    Args:
        inputs: what all trials have in common; their settings are those of a trial that changes
            nothing.
        model: unedited.
        model_digest: its part of every key.
        cache: where states are stored.
        prepared: what has been computed already.
        waiting: called again and again while another process computes what is wanted here.
    """

    def __init__(
        self,
        inputs: Inputs,
        model: LanguageModel,
        model_digest: str,
        cache: CacheSettings,
        prepared: Mapping[str, Artefact],
        waiting: Callable[[], None],
    ) -> None:
        self.inputs = inputs
        self.model = model
        self._model_digest = model_digest
        self._model_config = model.config.to_dict()
        self._cache = cache
        self._prepared = PreparedStore(prepared)
        self._waiting = waiting
        self._shared: BlobStore | None = None
        self._states = MemoryStore(cache.worker_mb * 2**20)
        self._store = self._layered()
        self._memory = LayeredStore(self._prepared, MemoryStore(cache.worker_mb * 2**20))
        self._scores: Recent[tuple[object, ...], StateScores] = Recent(KEPT_PLANS)

    @classmethod
    def of(cls, prepared: Prepared, waiting: Callable[[], None] = lambda: None) -> Workbench:
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
            prepared.artefacts,
            waiting,
        )

    @classmethod
    def alone(
        cls,
        settings: EditSettings,
        cache: CacheSettings,
        waiting: Callable[[], None] = lambda: None,
    ) -> Workbench:
        """Load everything that the settings name.

        Raises:
            InputError: with everything that is wrong.
        """
        model = load_model(settings.model, settings.dtype, settings.device)
        inputs = read_inputs(settings, model.config.to_dict())
        return cls(inputs, model, model.digest(), cache, {}, waiting)

    @property
    def refusal(self) -> str | None:
        """Why nothing is shared any more, in one line; None while all is well."""
        return None if self._shared is None else self._shared.refusal

    def serves(self, settings: EditSettings) -> bool:
        """Whether the settings name the same model, records and corpus."""
        given = self.inputs.settings
        return all(getattr(settings, name) == getattr(given, name) for name in _COMMON) and (
            settings.covariance.corpus == given.covariance.corpus
        )

    def open(self, settings: EditSettings) -> tuple[StateScores, EditSettings]:
        """The states of the settings' plan, and the settings with their presets filled in."""
        settings = resolve(settings, self._model_config)
        key = _plan_key(settings)
        scores = self._scores.get(key)
        if scores is None:
            # Records and corpus are common to all trials, whatever they do with them.
            inputs = replace(self.inputs, settings=settings)
            scores = open_states(inputs, self.model, self._store, self._model_digest, self._memory)
            self._scores.put(key, scores)
        if not self._cache.enabled:
            self._states.clear()
            scores.forget()
        return scores, settings

    def _layered(self) -> Store:
        """What was prepared, then this worker's memory, then what all share."""
        if not self._cache.enabled:
            return LayeredStore(self._prepared, self._states)
        self._shared = open_blobs(self._cache, self._waiting)
        return LayeredStore(self._prepared, LayeredStore(self._states, self._shared))


def prepare(config: SweepConfig, report: Report = silent, records: bool = True) -> Prepared:
    """Load the base model, and compute what all trials of a sweep share.

    Args:
        config: the sweep's.
        report: told about progress.
        records: whether this includes what follows from the edited records.

    Raises:
        InputError: with everything that is wrong.
    """
    settings, cache = config.edit, config.cache
    if settings.greedy.metric is not None:
        load_metric(settings.greedy.metric)
    model = load_model(settings.model, settings.dtype, settings.device)
    inputs = read_inputs(settings, model.config.to_dict())
    digest = model.digest()
    kept = MemoryStore(inf)
    store = LayeredStore(kept, open_blobs(cache)) if cache.enabled else kept
    scores = open_states(inputs, model, store, digest, kept)
    if records:
        prepare_states(scores, cache.prepared_mb * 2**20, report)
    else:
        scores.tree.base.prepare_layers(report)
    config = replace(config, edit=inputs.settings)
    return Prepared(config, inputs, share(model), digest, kept.artefacts)


def open_blobs(cache: CacheSettings, waiting: Callable[[], None] = lambda: None) -> BlobStore:
    """The store that the settings name, which processes share."""
    if cache.dir is not None and cache.dir.startswith(S3):
        with needs_extra():
            from search.object_blobs import ObjectBlobs
        return BlobStore(ObjectBlobs(cache.dir), waiting)
    return BlobStore(FolderBlobs(cache_folder(cache), int(cache.limit_gb * 2**30)), waiting)


def cache_folder(cache: CacheSettings) -> Path:
    """Where states are stored: the named folder, or `ratchet` in the user's cache folder.

    Raises:
        InputError: if none is named and the user has no home folder.
    """
    try:
        if cache.dir is not None:
            return Path(cache.dir).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ratchet"
    except RuntimeError:
        raise InputError(
            "cache.dir or XDG_CACHE_HOME must name a folder, or cache.enabled be false, "
            "since this user has no home folder"
        ) from None


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
