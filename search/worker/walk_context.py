"""What a worker keeps between trials: the base model, and the states of the plans it has met."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from analysis.tables.paths import S3, local_path
from greedy_core.declarations import Plan, Task, values_of_role
from greedy_core.errors import InputError
from greedy_core.inputs.edit_inputs import Inputs, read_inputs
from greedy_core.inputs.model_presets import resolve
from greedy_core.inputs.selection import Selection
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import attach, check_unchanged, load_model, share
from greedy_core.model.sealing import Pages, margin, pages_between, settle
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.progress import OnProgress, silent
from greedy_core.settings import EditSettings
from greedy_core.states.preparation import prepare_states
from greedy_core.states.prompt_check import check_prompts
from greedy_core.states.state_scores import StateScores
from greedy_core.store.artefacts import Artefact, LayeredStore, MemoryStore, PreparedStore
from greedy_core.store.blob_store import BlobStore
from greedy_core.store.folder_blobs import FolderBlobs
from greedy_core.store.lru_cache import LruCache
from greedy_core.store.staged import StagedStore
from greedy_core.walk.edit import open_states
from greedy_core.walk.metric_function import load_metric
from search.config.settings import CacheSettings, SweepConfig
from search.results.places import needs_extra
from search.worker.import_places import make_importable
from search.worker.prepared import Prepared

KEPT_PLANS = 4
"""Plans whose states a worker keeps in memory; a space has few, since they are categorical."""


class WalkContext:
    """Opens the states of a trial's plan, on one base model.

    Args:
        inputs: what all trials have in common; their settings are those of a trial that changes
            nothing.
        model: unedited.
        check: made before the model's digest, so that no write goes unnoticed between the two.
        model_digest: the model's part of every key.
        cache: where states are stored.
        prepared: what has been computed already.
        waiting: called again and again while another process computes what is wanted here.
    """

    def __init__(
        self,
        inputs: Inputs,
        model: LanguageModel,
        check: WeightsCheck,
        model_digest: str,
        cache: CacheSettings,
        prepared: Mapping[str, Artefact],
        waiting: Callable[[], None],
    ) -> None:
        self.inputs = inputs
        self.model = model
        self._check = check
        self._model_digest = model_digest
        self._model_config = model.config.to_dict()
        self._cache = cache
        self._prepared = PreparedStore(prepared)
        self._waiting = waiting
        self._shared: BlobStore | None = None
        self._states = MemoryStore(cache.worker_mb * 2**20)
        self._staged = self._opened()
        self._store = LayeredStore(self._prepared, LayeredStore(self._states, self._staged))
        self._memory = LayeredStore(self._prepared, MemoryStore(cache.worker_mb * 2**20))
        self._sequences = inputs.selection.sequences
        kept = KEPT_PLANS * len(self._sequences)
        self._scores: LruCache[tuple[object, ...], StateScores] = LruCache(kept)
        self._asks_a_function = False

    @classmethod
    def of(cls, prepared: Prepared, waiting: Callable[[], None] = lambda: None) -> WalkContext:
        """Build on what a sweep has prepared.

        Raises:
            BaseModelChanged: if the shared weights are not what they were.
        """
        return cls(
            prepared.inputs,
            *base_model(prepared),
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
        sequences: int = 1,
    ) -> WalkContext:
        """Load everything that the settings name, and cut the records into sequences.

        Raises:
            InputError: with everything that is wrong.
        """
        model = load_model(settings.model, settings.dtype, settings.device)
        check = WeightsCheck(model)
        inputs = read_inputs(settings, model.config.to_dict(), sequences)
        return cls(inputs, model, check, model.digest(), cache, {}, waiting)

    @property
    def refusal(self) -> str | None:
        """Why nothing is shared any more, in one line; None while all is well."""
        return None if self._shared is None else self._shared.refusal

    def serves(self, settings: EditSettings, sequences: int) -> bool:
        """Whether the settings name the same model, corpus and records, in as many sequences."""
        asked, own = (values_of_role(each, Task) for each in (settings, self.inputs.settings))
        return asked == own and sequences == len(self._sequences)

    def open(self, settings: EditSettings, sequence: int = 0) -> tuple[StateScores, EditSettings]:
        """The states of the settings' plan, and the settings with their presets filled in.

        Args:
            settings: of one trial.
            sequence: whose records are edited.
        """
        settings = resolve(settings, self._model_config)
        key = (sequence, *values_of_role(settings, Plan).values())
        scores = self._scores.get(key)
        if scores is None:
            # Records and corpus are common to all trials, whatever they do with them.
            selection = self._sequences[sequence]
            inputs = replace(self.inputs, settings=settings, selection=selection)
            scores = open_states(inputs, self.model, self._store, self._model_digest, self._memory)
            self._scores.put(key, scores)
        if not self._cache.enabled:
            self._states.clear()
            self._staged.drop()
            scores.forget()
        self._asks_a_function = settings.greedy.metric is not None
        return scores, settings

    def share_if_due(self) -> None:
        """Between two steps: let others see what has been computed, if it is time to verify.

        Raises:
            BaseModelChanged: if somebody changed the model.
        """
        self._staged.publish_if_due()

    def verify(self) -> None:
        """Verify the model and publish what was computed, before anything of it is reported.

        If everything was read, nothing can be wrong, unless a metric function was called.

        Raises:
            BaseModelChanged: if somebody changed the model.
        """
        self._staged.publish(even_if_nothing_waits=self._asks_a_function)

    def _opened(self) -> StagedStore:
        """The shared store behind a check of the model; if nothing is shared, just the check."""
        if not self._cache.enabled:
            return StagedStore(PreparedStore({}), self._check.require_unchanged)
        self._shared = open_blobs(self._cache, self._waiting)
        return StagedStore(self._shared, self._check.require_unchanged)


def base_model(prepared: Prepared) -> tuple[LanguageModel, WeightsCheck]:
    """The model whose weights were prepared, and a check that was made before it was verified.

    Raises:
        BaseModelChanged: if the shared weights are not what they were.
    """
    make_importable(prepared.import_roots)
    model = attach(prepared.weights, prepared.inputs.settings.device)
    check = WeightsCheck(model)
    check_unchanged(model, prepared.weights.digest)
    if (pages := pages_of(prepared)) is not None:
        settle(model.module, pages)
    return model, check


def pages_of(prepared: Prepared) -> Pages | None:
    """Where all arrays lie in a worker; None where they were prepared."""
    made = [array for each in prepared.artefacts.values() for array in each.values()]
    arrays = (*prepared.weights.arrays.values(), *made)
    return pages_between(prepared.before, arrays, prepared.behind)


def prepare(
    config: SweepConfig,
    on_progress: OnProgress = silent,
    records: bool = True,
    import_roots: Sequence[str] = (),
    others: Sequence[Selection] = (),
) -> Prepared:
    """Load the base model, and compute what all trials of a sweep share.

    Args:
        config: the sweep's.
        on_progress: told about progress.
        records: whether this includes what follows from the edited records.
        import_roots: folders that modules of metric functions lie in.
        others: selections of the same dataset that workers will edit instead; they are checked.

    Raises:
        InputError: with everything that is wrong.
        BaseModelChanged: if somebody changed the model meanwhile.
    """
    make_importable(import_roots)
    settings, cache = config.edit, config.cache
    model = load_model(settings.model, settings.dtype, settings.device)
    check = WeightsCheck(model)
    if settings.greedy.metric is not None:
        # After the check is made: importing it may already change how models answer.
        load_metric(settings.greedy.metric)
    inputs = read_inputs(settings, model.config.to_dict(), config.search.sequences)
    for other in others:
        check_prompts(other.edited, model)
    digest = model.digest()
    kept = MemoryStore(inf)
    shared = open_blobs(cache) if cache.enabled else PreparedStore({})
    staged = StagedStore(shared, check.require_unchanged)
    sequences = inputs.selection.sequences
    for sequence in sequences if records else sequences[:1]:
        own = replace(inputs, selection=sequence)
        scores = open_states(own, model, LayeredStore(kept, staged), digest, kept)
        if records:
            prepare_states(scores, cache.prepared_mb * 2**20 / len(sequences), on_progress)
        else:
            scores.tree.base.prepare_layers(on_progress)
    config = replace(config, edit=inputs.settings)
    weights = share(model)
    staged.publish(even_if_nothing_waits=True)
    return Prepared(
        config, inputs, margin(), weights, digest, kept.artefacts, margin(), import_roots
    )


def open_blobs(cache: CacheSettings, waiting: Callable[[], None] = lambda: None) -> BlobStore:
    """The store that the settings name, which processes share."""
    if cache.dir is not None and cache.dir.startswith(S3):
        with needs_extra():
            from search.worker.object_blobs import ObjectBlobs
        return BlobStore(ObjectBlobs(cache.dir), waiting)
    return BlobStore(FolderBlobs(cache_folder(cache), int(cache.limit_gb * 2**30)), waiting)


def cache_folder(cache: CacheSettings) -> Path:
    """Where states are stored: the named folder, or `ratchet` in the user's cache folder.

    Raises:
        InputError: there is no such folder, or none is named and the user has no home.
    """
    folder = cache.dir or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/ratchet"
    try:
        return Path(local_path(folder))
    except ValueError as error:
        if cache.dir is None:
            raise InputError(
                "cache.dir or XDG_CACHE_HOME must name a folder, or cache.enabled be false, "
                "since this user has no home folder"
            ) from None
        raise InputError(f"cache.dir {error}") from None
