"""The records that a plan reserves, cut into sequences that confirm what was chosen without them.

Sequence n holds the reserved records n * edits to (n + 1) * edits - 1, in the order of the
selection. So sequences share no record with each other or with what was edited, and sequence n is
the same however many there are. Their prompts are split as those of the edited records are, over
the whole dataset: a rewrite prompt or probe paraphrase of the search is never a held-out paraphrase
here, nor one of its probe neighbors a held-out neighbor.

Everything else of the plan stays the same; even the covariance is that of the plan's own corpus. If
that is the dataset's own text, it contains the reserved records, in the search as well as in the
confirmation and alike for every setting; it never contains what is to be written (target_new).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from greedy_core.errors import SettingsError
from greedy_core.inputs.edit_inputs import check_sequences
from greedy_core.inputs.prompt_split import split_prompts
from greedy_core.inputs.records import EditRecord
from greedy_core.inputs.selection import Selection, load_records, select
from greedy_core.settings import EditSettings

MOST_SEQUENCES = 5
"""The most sequences that are taken if no number is given."""


@dataclass(frozen=True)
class Reserve:
    """A dataset's reserved records, as sequences of as many records as a plan edits."""

    settings: EditSettings
    """The plan's."""
    records: Sequence[EditRecord]
    """The whole dataset."""
    selection: Selection
    """What the plan edits, and what it reserves."""

    @classmethod
    def read(cls, settings: EditSettings, searched: int = 1) -> Reserve:
        """Read the settings' dataset, of which a search edits so many sequences.

        Raises:
            InputError: with everything that is wrong.
        """
        records = load_records(settings.dataset)
        return cls(settings, records, select(records, settings, searched))

    @property
    def possible(self) -> int:
        """How many sequences there are."""
        return len(self.selection.reserved) // self.settings.edits

    def sequences(self, count: int | None = None) -> list[Selection]:
        """The first sequences, each as a selection that edits its records and reserves none.

        Args:
            count: how many; None takes what there is, at most 5.

        Raises:
            SettingsError: if there are fewer.
            RecordsError: if a batch of one has no prompts that could be measured.

        Example:
            >>> [len(each.edited) for each in Reserve.read(EditSettings()).sequences(2)]
            [20, 20]
        """
        wanted = max(min(self.possible, MOST_SEQUENCES), 1) if count is None else count
        edits, reserved = self.settings.edits, len(self.selection.reserved)
        if not 1 <= wanted <= self.possible:
            raise SettingsError(
                f"`1 <= sequences <= reserved records / edits` must hold, but got "
                f"(sequences={wanted}, reserved records={reserved}, {edits=}): "
                f"{self.possible} sequences are possible"
            )
        found = [self._sequence(number) for number in range(wanted)]
        check_sequences(found, self.settings)
        return found

    def _sequence(self, number: int) -> Selection:
        edits = self.settings.edits
        chosen = self.selection.reserved[number * edits : (number + 1) * edits]
        searched = [split for each in self.selection.sequences for split in each.edited]
        splits = split_prompts(self.records, chosen, searched)
        alone = replace(self.selection, reserved=(), superseded=(), further=())
        return replace(alone, edited=tuple(splits))
