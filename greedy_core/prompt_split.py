"""Which prompts decide about acceptance (probes), and which are held out from it.

The rewrite prompt is shared by nature. The first paraphrase is a probe, the rest are held out.
Neighborhood prompts are split by their text over the whole dataset, because records share them:
the same text is never a probe here and held out there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from greedy_core.records import EditRecord, EditRequest


@dataclass(frozen=True)
class PromptSplit:
    """The prompts of one record, by what they are used for."""

    record: EditRecord
    """The record that the prompts belong to."""
    probe_paraphrases: tuple[str, ...]
    """Paraphrases that acceptance sees."""
    held_out_paraphrases: tuple[str, ...]
    """Paraphrases that acceptance never sees."""
    probe_neighbors: tuple[str, ...]
    """Neighborhood prompts that acceptance sees."""
    held_out_neighbors: tuple[str, ...]
    """Neighborhood prompts that acceptance never sees."""
    contradicted: int = 0
    """Neighborhood prompts left out, because the plan edits the very fact they ask for."""

    @property
    def request(self) -> EditRequest:
        """The record's request."""
        return self.record.request


def split_prompts(records: Sequence[EditRecord], edited: Sequence[EditRecord]) -> list[PromptSplit]:
    """Split the prompts of the edited records, consistently over all records of the dataset."""
    probes = _probe_texts([record.neighborhood_prompts for record in records])
    subjects = _edited_subjects(edited)
    return [_split_record(record, probes, subjects) for record in edited]


def _split_record(
    record: EditRecord, probes: frozenset[str], subjects: dict[str | None, list[re.Pattern[str]]]
) -> PromptSplit:
    kept = [
        text
        for text in record.neighborhood_prompts
        if not any(subject.search(text) for subject in subjects[record.request.relation])
    ]
    paraphrases = record.paraphrase_prompts
    return PromptSplit(
        record=record,
        probe_paraphrases=paraphrases[:1],
        held_out_paraphrases=tuple(text for text in paraphrases[1:] if text != paraphrases[0]),
        probe_neighbors=tuple(text for text in kept if text in probes),
        held_out_neighbors=tuple(text for text in kept if text not in probes),
        contradicted=len(record.neighborhood_prompts) - len(kept),
    )


def _edited_subjects(edited: Sequence[EditRecord]) -> dict[str | None, list[re.Pattern[str]]]:
    """Per relation, what to look for to recognize a prompt about an edited fact.

    A neighborhood prompt asks for its record's relation of another subject; if that subject stands
    in it as whole words and is edited in the same relation, the edit changes the right answer.
    """
    subjects: dict[str | None, list[re.Pattern[str]]] = defaultdict(list)
    for record in edited:
        subject = re.escape(record.request.subject)
        subjects[record.request.relation].append(re.compile(rf"(?<!\w){subject}(?!\w)"))
    return subjects


def _probe_texts(prompt_lists: Sequence[Sequence[str]]) -> frozenset[str]:
    """Choose the texts that are probes, so that each list has a probe and a held-out one if it can.

    The hash of the text decides first; then lists with one kind only flip their first text that no
    other list needs on its present side, until no list gains by it.
    """
    texts = [tuple(dict.fromkeys(prompts)) for prompts in prompt_lists]
    is_probe = {text: _coin(text) for prompts in texts for text in prompts}
    owners: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for prompts in texts:
        for text in prompts:
            owners[text].append(prompts)

    def needed(text: str) -> bool:
        """Whether some list has several texts, and this one alone on its side."""
        side = is_probe[text]
        return any(
            len(prompts) > 1 and sum(is_probe[other] == side for other in prompts) == 1
            for prompts in owners[text]
        )

    def flip_one(prompts: tuple[str, ...]) -> bool:
        """Give a list of one kind the other kind too; False where nothing can be flipped."""
        if len(prompts) < 2 or len({is_probe[text] for text in prompts}) == 2:
            return False
        free = [text for text in prompts if not needed(text)]
        if free:
            is_probe[free[0]] = not is_probe[free[0]]
        return bool(free)

    # Each flip repairs a list and breaks none, so this ends.
    while any([flip_one(prompts) for prompts in texts]):
        pass
    return frozenset(text for text, probe in is_probe.items() if probe)


def _coin(text: str) -> bool:
    return sha256(text.encode()).digest()[0] % 2 == 0
