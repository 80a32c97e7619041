"""Which records a run edits, which it reserves for confirmation, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from greedy_core import factworld
from greedy_core.counterfact import parse_counterfact, read_counterfact
from greedy_core.errors import SettingsError
from greedy_core.prompt_split import PromptSplit, split_prompts
from greedy_core.records import EditRecord
from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class Selection:
    """The part of a dataset that one plan works on."""

    edited: tuple[PromptSplit, ...]
    """Records to edit, in order, with their prompts split."""
    reserved: tuple[EditRecord, ...]
    """Records kept for confirmation; no state depends on them."""
    digest: str
    """Digest of the whole dataset's content and order."""

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


def select(records: Sequence[EditRecord], settings: EditSettings) -> Selection:
    """Shuffle by seed and case_id; the first are edited, the next reserved.

    Raises:
        SettingsError: if the dataset has fewer records than the settings ask for.
    """
    edits, reserved = settings.edits, settings.confirm_records
    if edits + (reserved or 0) > len(records):
        raise SettingsError(
            "`edits + confirm_records <= records of the dataset` must hold, but got "
            f"({edits=}, confirm_records={reserved}, records={len(records)})"
        )
    if reserved is None:
        reserved = min(len(records) - edits, 5 * edits)
    order = sorted(records, key=lambda record: seeded_rank("edit", settings.seed, record.case_id))
    edited = order[:edits]
    return Selection(
        edited=tuple(split_prompts(records, edited)),
        reserved=tuple(order[edits : edits + reserved]),
        digest=sha256(repr(list(records)).encode()).hexdigest(),
    )


def seeded_rank(purpose: str, seed: int, case_id: int) -> bytes:
    """A sort key that shuffles records, the same on every machine and for every dataset order."""
    return sha256(f"{purpose}:{seed}:{case_id}".encode()).digest()
