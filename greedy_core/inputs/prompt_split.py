"""Which prompts decide about acceptance (probes), and which are held out from it.

The rewrite prompt is inevitably both. The first paraphrase is a probe, the rest are held out.
Neighborhood prompts are split by their text over the whole dataset, because records share them:
the same text is never a probe here and held out there. No text that is a probe of a plan, of
whatever kind and record, is held out in it. A text that a record lists twice counts once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from greedy_core.inputs.records import EditRecord, EditRequest


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
    asked_elsewhere: tuple[str, ...] = ()
    """Prompts left out, because the plan asks the same text for something else: held-out ones that
    are a probe, neighborhood prompts that ask for an edited fact in its record's very words."""
    repeated: tuple[str, ...] = ()
    """Prompts that repeat an earlier one of the record's list; they count once."""

    @property
    def request(self) -> EditRequest:
        """The record's request."""
        return self.record.request

    @property
    def probes(self) -> tuple[str, ...]:
        """Every text that acceptance sees: the rewrite prompt and all probe prompts."""
        return (self.request.text, *self.probe_paraphrases, *self.probe_neighbors)

    def held_out_without(
        self, paraphrases: Collection[str], neighbors: Collection[str]
    ) -> PromptSplit:
        """The same split without some texts among its held-out paraphrases and neighbors."""
        return replace(
            self,
            held_out_paraphrases=tuple(
                text for text in self.held_out_paraphrases if text not in paraphrases
            ),
            held_out_neighbors=tuple(
                text for text in self.held_out_neighbors if text not in neighbors
            ),
            asked_elsewhere=(
                *self.asked_elsewhere,
                *(text for text in self.held_out_paraphrases if text in paraphrases),
                *(text for text in self.held_out_neighbors if text in neighbors),
            ),
        )


def split_prompts(
    records: Sequence[EditRecord], edited: Sequence[EditRecord], other: Sequence[PromptSplit] = ()
) -> list[PromptSplit]:
    """Split the prompts of the edited records, consistently over all records of the dataset.

    Args:
        records: the dataset.
        edited: those of one plan.
        other: splits of a plan that led to this one. The rewrite prompts and probe paraphrases of
            that plan are not held out here as paraphrases; for neighborhood prompts the split over
            the whole dataset ensures the same.
    """
    probes = _probe_texts([record.neighborhood_prompts for record in records])
    subjects = _edited_subjects(edited)
    facts = frozenset(
        text for record in edited for text in (record.request.text, *record.paraphrase_prompts)
    )
    splits = [_split_record(record, probes, subjects, facts) for record in edited]
    asked = frozenset(text for split in splits for text in split.probes)
    before = frozenset(t for split in other for t in (split.request.text, *split.probe_paraphrases))
    return [split.held_out_without(asked | before, asked) for split in splits]


def _split_record(
    record: EditRecord,
    probes: frozenset[str],
    subjects: dict[str | None, list[re.Pattern[str]]],
    facts: frozenset[str],
) -> PromptSplit:
    """One record's split; `facts` are the texts that ask for an edited fact."""
    paraphrases, again = _distinct(record.paraphrase_prompts)
    neighbors, neighbors_again = _distinct(record.neighborhood_prompts)
    left = [
        text
        for text in neighbors
        if not any(subject.search(text) for subject in subjects[record.request.relation])
    ]
    kept = [text for text in left if text not in facts]
    return PromptSplit(
        record=record,
        probe_paraphrases=paraphrases[:1],
        held_out_paraphrases=paraphrases[1:],
        probe_neighbors=tuple(text for text in kept if text in probes),
        held_out_neighbors=tuple(text for text in kept if text not in probes),
        contradicted=len(neighbors) - len(left),
        asked_elsewhere=tuple(text for text in left if text in facts),
        repeated=again + neighbors_again,
    )


def _distinct(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts without repeats, and those that repeat an earlier one."""
    distinct = tuple(dict.fromkeys(texts))
    counts = Counter(texts)
    return distinct, tuple(text for text in distinct for _ in range(counts[text] - 1))


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
    texts = [_distinct(prompts)[0] for prompts in prompt_lists]
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
