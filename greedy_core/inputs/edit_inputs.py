"""Everything that an edit reads but the model, checked before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greedy_core.errors import RecordsError
from greedy_core.inputs.conflicts import conflict_notes
from greedy_core.inputs.corpus import Corpus, load_corpus
from greedy_core.inputs.model_presets import resolve
from greedy_core.inputs.prompt_split import PromptSplit
from greedy_core.inputs.selection import Selection, load_records, select
from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class Inputs:
    """Resolved settings with the records and the corpus that they name."""

    settings: EditSettings
    """Nothing in it that a model preset fills in is None any more."""
    selection: Selection
    """Records to edit and records to reserve."""
    corpus: Corpus
    """What the covariance is estimated from."""


def read_inputs(
    settings: EditSettings, model_config: Mapping[str, Any], sequences: int = 1
) -> Inputs:
    """Read and check dataset and corpus, and fill in the model's published defaults.

    Args:
        settings: as configured.
        model_config: the content of the model's config.json.
        sequences: how many edit sequences the records make.

    Raises:
        InputError: with everything that is wrong.
    """
    settings = resolve(settings, model_config)
    records = load_records(settings.dataset)
    selection = select(records, settings, sequences)
    if sequences == 1:
        check_measurable(selection, settings)
    else:
        check_sequences(selection.sequences, settings)
    return Inputs(settings, selection, load_corpus(settings, records))


def _kinds(edited: Sequence[PromptSplit]) -> dict[str, bool]:
    """Which kinds of held-out prompts any edited record has."""
    return {
        "paraphrase": any(split.held_out_paraphrases for split in edited),
        "neighborhood": any(split.held_out_neighbors for split in edited),
    }


def check_measurable(selection: Selection, settings: EditSettings) -> None:
    """Every batch needs probes, and held-out prompts, of a kind that counts in the composite.

    Raises:
        RecordsError: a line for each batch and use that has none.
    """
    es, ps, ns = settings.composite_weights
    faults = []
    for number, batch in enumerate(selection.batches(settings.batch_size)):
        uses = {
            "probe": (
                any(split.probe_paraphrases for split in batch),
                any(split.probe_neighbors for split in batch),
            ),
            "held-out": (
                any(split.held_out_paraphrases for split in batch),
                any(split.held_out_neighbors for split in batch),
            ),
        }
        faults += [
            f"batch {number} must have {use} prompts of a kind with a weight above 0, but got "
            f"(composite_weights={list(settings.composite_weights)}, {paraphrases=}, {neighbors=})"
            for use, (paraphrases, neighbors) in uses.items()
            if not (es or (ps and paraphrases) or (ns and neighbors))
        ]
    if faults:
        raise RecordsError(faults)


def check_sequences(sequences: Sequence[Selection], settings: EditSettings) -> None:
    """Check every batch of several sequences, as `check_measurable` does.

    Raises:
        RecordsError: a line for each batch and use that has none, with its sequence.
    """
    faults = []
    for number, sequence in enumerate(sequences):
        try:
            check_measurable(sequence, settings)
        except RecordsError as error:
            faults += [f"sequence {number}: {fault}" for fault in error.faults]
    if faults:
        raise RecordsError(faults)


def notes(selection: Selection) -> list[str]:
    """What a user should know about the selected records, a sentence each."""
    sequences = selection.sequences
    edited = [split for each in sequences for split in each.edited]
    counts = {
        "neighborhood prompts ask for a fact that is itself edited; they are left out": sum(
            split.contradicted for split in edited
        ),
        "prompts are left out, because what is edited or probed has the same text": sum(
            len(split.asked_elsewhere) for split in edited
        ),
        "prompts repeat an earlier one of their record; they count once": sum(
            len(split.repeated) for split in edited
        ),
    }
    return [
        *_conflicts(selection),
        *(f"{count} {text}" for text, count in counts.items() if count),
        *(
            f"no edited record has held-out {kind} prompts: their weight drops out"
            for kind, present in _kinds(edited).items()
            if not present
        ),
    ]


def _conflicts(selection: Selection) -> list[str]:
    """Requests that contradict each other within a sequence; of several, it is named."""
    first, *others = selection.sequences
    found = conflict_notes([split.request for split in first.edited], selection.superseded)
    for number, each in enumerate(others, 1):
        requests = [split.request for split in each.edited]
        found += [f"sequence {number}: {note}" for note in conflict_notes(requests, ())]
    return found
