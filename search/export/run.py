"""`ratchet export`: a recorded trial's edited model as a folder that other people load.

Everything that can be refused without torch is refused before torch is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from analysis.tables.address import Address
from analysis.tables.sweep import framed
from greedy_core.errors import InputError
from greedy_core.inputs.edit_inputs import Inputs, read_inputs
from greedy_core.inputs.model_config import model_folder, read_model_config
from search.cluster.interrupts import interruptible
from search.config.arguments import require_choice
from search.config.keys import flat_values
from search.export.model_card import Fact, Form, ModelCard
from search.export.recorded_trial import METRICS, RecordedTrial, baseline_metrics, find_trial
from search.export.whole_folder import new_folder, written_whole
from search.sweep.file import SweepFile
from search.sweep.file_reader import read_sweep_file
from search.sweep.sameness import require_same_data
from search.sweep.valid import read_valid
from search.sweep.versions import COMPARED, versions
from search.worker.import_places import make_importable
from search.worker.last_words import told_by_another

if TYPE_CHECKING:
    from search.export.rewalk import Rewalk

logger = logging.getLogger(__name__)

CARD = "README.md"


@dataclass(frozen=True)
class _Source:
    """What is exported, before it is walked."""

    file: SweepFile
    """The sweep."""
    trial: RecordedTrial
    """One of its trials."""
    inputs: Inputs
    """What the trial's settings name."""
    baselines: Mapping[str, Mapping[str, float | None]]
    """The baselines' metrics."""


def export_trial(
    folder: Address, wanted: str, form: Form, out: str, accept_differences: bool = False
) -> str:
    """Walk a trial again, compare, and write its model and a model card.

    Args:
        folder: the sweep's.
        wanted: `best`, or a trial's number.
        form: what to write.
        out: a folder that does not exist, or is empty.
        accept_differences: export the walk made here, even if it differs from the recorded one.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: there is no such trial, it kept no step, the model, data or walk differs from
            the sweep's, or `out` cannot be written.
        ResultsError: the sweep is absent or damaged.
        StorageError: its store cannot be used.
        BaseModelChanged: its metric function changed the model; nothing is written.
        SweepInterrupted: after a signal; nothing is left behind.

    Example:
        >>> export_trial("results/first", "best", "adapter", "first-adapter")
        'trial 17 as an adapter of rank 20: first-adapter'
    """
    require_choice("--to", form, get_args(Form))
    path = new_folder(out)
    source = _source(folder, wanted)
    make_importable(source.file.import_roots)
    from search.export.rewalk import rewalk  # imports torch, once the input is known to be right

    file = source.file
    with told_by_another(source.trial.settings.greedy.metric), interruptible():
        walk = rewalk(source.trial, source.inputs, file.digests, file.config.cache)
        if walk.differences:
            _judge_differences(source, walk.differences, accept_differences)
        with written_whole(path) as hidden:
            what, notes = _write_weights(source, walk, form, hidden)
            card = _card(source, walk, form, path.name, notes)
            (hidden / CARD).write_text(card.text(), encoding="utf-8")
    return f"trial {source.trial.number} as {what}: {out}"


def _source(folder: Address, wanted: str) -> _Source:
    file = read_sweep_file(folder)
    sweep = framed(read_valid(folder))
    trial = find_trial(sweep, wanted)
    if not trial.kept_steps:
        raise InputError(
            f"{sweep.path}: trial {trial.number} kept no step, so its model is the unedited one; "
            "there is nothing to export"
        )
    sequences = file.config.search.sequences
    inputs = read_inputs(trial.settings, read_model_config(trial.settings.model), sequences)
    found = {"dataset": inputs.selection.digest, "corpus": inputs.corpus.digest}
    require_same_data(file.digests, found)
    return _Source(file, trial, inputs, baseline_metrics(sweep))


def _judge_differences(source: _Source, differences: tuple[str, ...], accepted: bool) -> None:
    what = "the walk differs from the one in the results"
    if accepted:
        logger.warning("%s: %s", what, "; ".join(differences))
        return
    was, now = source.file.versions_of(source.trial.generation), versions()
    changed = [
        f"{name} was {was.get(name, 'not recorded')}, is {now[name]}"
        for name in ("python", *COMPARED)
        if was.get(name) != now[name]
    ]
    raise InputError(
        [
            *(f"{what}: {line}" for line in differences),
            *changed,
            "another processor or other versions can do that, and a greedy.metric that does not "
            "repeat itself; to export the walk as it goes here: --accept-differences",
        ]
    )


def _write_weights(
    source: _Source, walk: Rewalk, form: Form, folder: Path
) -> tuple[str, list[str]]:
    """Write everything but the card; returns what it is, and what the card should say about it."""
    from safetensors import SafetensorError

    from greedy_core.model.export import logit_difference, merged_copy, write_adapter, write_model

    notes = []
    if (sequences := len(source.inputs.selection.sequences)) > 1:
        notes.append(
            f"The trial edited {sequences} sequences of records, each into a model of its own. "
            "This model has the edits of the first one; the unedited model and the baselines were "
            "measured on all of them."
        )
    if walk.differences:
        notes.append(
            "The walk was repeated for this export and differs from the one in the sweep's results "
            f"({'; '.join(walk.differences)}). The figures of this model are those of this walk."
        )
    try:
        if form == "adapter":
            base = model_folder(source.trial.settings.model)
            ranks = write_adapter(walk.model, walk.factors, folder, base)
            return f"an adapter of rank {'/'.join(map(str, ranks.values()))}", notes
        merged = merged_copy(walk.model, walk.factors)
        prompts = [split.request.text for split in source.inputs.selection.edited]
        difference = logit_difference(walk.model, walk.factors, merged, prompts)
        notes.append(
            "The edits were made as a sum beside the weights and then added to the weights. On the "
            f"facts' prompts that changes no logit by more than {difference:.2g}; the metrics were "
            "measured before."
        )
        write_model(merged, folder)
    except SafetensorError as error:
        raise OSError(str(error)) from None
    dtype = source.trial.settings.dtype
    return f"a merged model in {dtype} (logits within {difference:.2g})", notes


def _card(source: _Source, walk: Rewalk, form: Form, folder: str, notes: list[str]) -> ModelCard:
    from search.worker.reports import evaluation_values

    trial, settings = source.trial, source.trial.settings
    holds = {record.case_id: bool(record.values.es) for record in walk.first.records}
    requests = [split.request for split in source.inputs.selection.edited]
    metrics: dict[str, Mapping[str, float | None]] = {
        _this(source): {name: evaluation_values(walk.first)[name] for name in METRICS},
        **_over_sequences(source, walk),
        **{
            f"{name}{_of_all(source)}": row
            for name, row in {"unedited": trial.unedited, **source.baselines}.items()
            if name != trial.role
        },
    }
    return ModelCard(
        form=form,
        folder=folder,
        model=settings.model,
        dtype=settings.dtype,
        title=f"Trial {trial.number} ({trial.role}) of the sweep {source.file.name}",
        metrics=metrics,
        notes=notes,
        settings={**flat_values(settings), **_as_given(source)},
        facts=[Fact(request, holds[request.case_id]) for request in requests],
        provenance=_provenance(source),
    )


def _this(source: _Source) -> str:
    several = len(source.inputs.selection.sequences) > 1
    return "this model" + (", sequence 0 alone" if several else "")


def _over_sequences(source: _Source, walk: Rewalk) -> dict[str, Mapping[str, float | None]]:
    """What the trial came to as a whole, where that is more than this model."""
    from search.worker.reports import evaluation_values

    sequences = len(source.inputs.selection.sequences)
    if sequences == 1:
        return {}
    values = evaluation_values(walk.evaluation)
    return {f"the trial{_of_all(source)}": {name: values[name] for name in METRICS}}


def _of_all(source: _Source) -> str:
    """What is said of figures that are over all sequences, where there are several."""
    sequences = len(source.inputs.selection.sequences)
    return "" if sequences == 1 else f", mean of {sequences} sequences"


def _as_given(source: _Source) -> dict[str, str]:
    """Paths of the trial's settings as people named them, where the sweep knows."""
    own = flat_values(source.trial.settings)
    return {key: text for key, text in source.file.given.items() if key in own}


def _provenance(source: _Source) -> dict[str, object]:
    file, trial = source.file, source.trial
    return {
        "sweep": {"id": file.sweep_id, "name": file.name, "started": file.started},
        "trial": trial.number,
        "role": trial.role,
        "generation": trial.generation,
        "digests": dict(file.digests),
        "git_sha": file.git_sha,
        "sweep_versions": dict(file.versions_of(trial.generation)),
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "export_versions": versions(),
    }
