"""Everything that an edit reads but the model, checked before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from greedy_core.errors import RecordsError
from greedy_core.inputs.conflicts import conflict_notes
from greedy_core.inputs.corpus import Corpus, load_corpus
from greedy_core.inputs.model_presets import resolve
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


def read_inputs(settings: EditSettings, model_config: Mapping[str, Any]) -> Inputs:
    """Read and check dataset and corpus, and fill in the model's published defaults.

    Args:
        settings: as configured.
        model_config: the content of the model's config.json.

    Raises:
        InputError: with everything that is wrong.
    """
    settings = resolve(settings, model_config)
    records = load_records(settings.dataset)
    selection = select(records, settings)
    check_measurable(selection, settings)
    return Inputs(settings, selection, load_corpus(settings, records))


def _kinds(selection: Selection) -> dict[str, bool]:
    """Which kinds of held-out prompts any edited record has."""
    return {
        "paraphrase": any(split.held_out_paraphrases for split in selection.edited),
        "neighborhood": any(split.held_out_neighbors for split in selection.edited),
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


def notes(selection: Selection) -> list[str]:
    """What a user should know about the selected records, a sentence each."""
    edited = selection.edited
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
        *conflict_notes([split.request for split in edited], selection.superseded),
        *(f"{count} {text}" for text, count in counts.items() if count),
        *(
            f"no edited record has held-out {kind} prompts: their weight drops out"
            for kind, present in _kinds(selection).items()
            if not present
        ),
    ]
