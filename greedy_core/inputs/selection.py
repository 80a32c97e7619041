"""Which records a run edits, which it reserves for confirmation, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from greedy_core import factworld
from greedy_core.errors import RecordsError, SettingsError
from greedy_core.inputs.conflicts import last_of_each_prompt, refusals
from greedy_core.inputs.counterfact import MOST_FAULTS, parse_counterfact, read_counterfact
from greedy_core.inputs.prompt_split import PromptSplit, split_prompts
from greedy_core.inputs.records import EditRecord
from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class Selection:
    """The part of a dataset that one plan works on."""

    edited: tuple[PromptSplit, ...]
    """Records to edit, in order, with their prompts split."""
    reserved: tuple[EditRecord, ...]
    """Records kept for confirmation; no state depends on them."""
    digest: str
    """Digest of the whole dataset's content and order, and of the prompts that do not count."""
    superseded: tuple[int, ...] = ()
    """case_ids of records that are not used, because conflicts is last and a later one is."""
    further: tuple[tuple[PromptSplit, ...], ...] = ()
    """The records of further edit sequences; each is edited on a model of its own."""

    @property
    def sequences(self) -> tuple[Selection, ...]:
        """Every edit sequence as a selection of its own; the first one is this selection's."""
        alone = replace(self, reserved=(), superseded=(), further=())
        return (replace(self, further=()), *(replace(alone, edited=each) for each in self.further))

    def batches(self, size: int) -> list[tuple[PromptSplit, ...]]:
        """The edited records in batches of `size`; the last one may be smaller."""
        return [self.edited[i : i + size] for i in range(0, len(self.edited), size)]


def load_records(dataset: str) -> list[EditRecord]:
    """Read a dataset: factworld, or the path of a CounterFact file.

    Raises:
        RecordsError: with every fault of the file.
    """
    if dataset == "factworld":
        return parse_counterfact(factworld.counterfact_records(), "factworld")
    return read_counterfact(Path(dataset))


def select(records: Sequence[EditRecord], settings: EditSettings, sequences: int = 1) -> Selection:
    """Shuffle by seed and case_id; the first are edited, the next reserved.

    Sequence n edits the records n * edits to (n + 1) * edits - 1 of that order, so it is the same
    however many sequences there are.

    Args:
        records: the whole dataset.
        settings: how many records a sequence edits, and how many are reserved.
        sequences: how many sequences are edited.

    Raises:
        SettingsError: if the dataset has fewer records than the settings ask for.
        RecordsError: if requests contradict each other and `conflicts` is refuse.
    """
    edits, reserved = settings.edits, settings.confirm_records
    usable = last_of_each_prompt(records) if settings.conflicts == "last" else records
    searched = edits * sequences
    if searched + (reserved or 0) > len(usable):
        superseded = len(records) - len(usable)
        asked, each = ("edits", "") if sequences == 1 else ("edits * sequences", f", {sequences=}")
        raise SettingsError(
            f"`{asked} + confirm_records <= records of the dataset` must hold, but got "
            f"({edits=}{each}, confirm_records={reserved}, records={len(usable)})"
            + (f"; conflicts=last leaves out {superseded}" if superseded else "")
        )
    if reserved is None:
        reserved = min(len(usable) - searched, 5 * edits)
    order = sorted(usable, key=lambda record: seeded_rank("edit", settings.seed, record.case_id))
    taken = order[: searched + reserved]
    if settings.conflicts == "refuse":
        _refuse_contradictions(taken, edits, sequences)
    starts = range(0, searched, edits)
    edited, *further = (tuple(split_prompts(records, taken[i : i + edits])) for i in starts)
    kept = {record.case_id for record in usable}
    return Selection(
        edited=edited,
        reserved=tuple(taken[searched:]),
        digest=_digest(records, [split for each in (edited, *further) for split in each]),
        superseded=tuple(r.case_id for r in records if r.case_id not in kept),
        further=tuple(further),
    )


def _refuse_contradictions(taken: Sequence[EditRecord], edits: int, sequences: int) -> None:
    """Look at each edited sequence, and at each that `reserve` would make of the other records."""
    faults = []
    for number, start in enumerate(range(0, len(taken) - edits + 1, edits)):
        requests = [record.request for record in taken[start : start + edits]]
        if number >= sequences:
            place = f"reserved records of sequence {number - sequences}"
        else:
            place = "edited records" + (f" of sequence {number}" if sequences > 1 else "")
        faults += refusals(requests, place)
    if faults:
        raise RecordsError(faults[:MOST_FAULTS])


def _digest(records: Sequence[EditRecord], edited: Sequence[PromptSplit]) -> str:
    """Digest of the records, and of any prompts that do not count.

    So a sweep that counted such prompts is never mixed with trials that do not.
    """
    left_out = [text for split in edited for text in (*split.asked_elsewhere, *split.repeated)]
    content = repr(list(records)) + (repr(left_out) if left_out else "")
    return sha256(content.encode()).hexdigest()


def seeded_rank(purpose: str, seed: int, case_id: int) -> bytes:
    """A sort key that shuffles records, the same on every machine and for every dataset order."""
    return sha256(f"{purpose}:{seed}:{case_id}".encode()).digest()
