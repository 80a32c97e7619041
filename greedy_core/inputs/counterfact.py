"""Reads CounterFact files as published: a JSON list of records; keys not named here are ignored.

Every text of a record is normalized by `greedy_core.inputs.plain_text`.

{"case_id": 0,
 "requested_rewrite": {"prompt": "The mother tongue of {} is", "subject": "Danielle Darrieux",
                       "target_new": {"str": "English"}, "target_true": {"str": "French"}},
 "paraphrase_prompts": ["..."], "neighborhood_prompts": ["..."]}
"""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TypeVar

from greedy_core.errors import RecordsError
from greedy_core.inputs.json_text import parse_json, repeated_keys
from greedy_core.inputs.plain_text import plain_text
from greedy_core.inputs.reading import read_text
from greedy_core.inputs.records import EditRecord, EditRequest
from greedy_core.inputs.unseen import seen

T = TypeVar("T")

MOST_CHARACTERS = 20_000
"""Longest prompt, subject or target; CounterFact's longest has 300. What is longer could only be
refused after tokenizing it, which takes the time of thousands of records."""

MOST_FAULTS = 100
"""Faults after which the rest of a file is not looked at."""

_LARGEST_INT = 2**63 - 1
_KINDS: dict[type, str] = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


def read_counterfact(path: Path) -> list[EditRecord]:
    """Read and validate a whole file.

    Raises:
        RecordsError: with every fault of the file: file, record index, case_id, field.
    """
    try:
        content = parse_json(read_text(path))
    except ValueError as error:
        raise RecordsError(f"{path}: {error}") from None
    return parse_counterfact(content, str(path))


def parse_counterfact(content: object, source: str) -> list[EditRecord]:
    """Turn the content of a CounterFact file into records.

    Raises:
        RecordsError: with every fault found, each beginning with `source`; after many of them, the
            rest of the file is not looked at.
    """
    if not isinstance(content, list) or not content:
        raise RecordsError(f"{source}: must be a non-empty list of records")
    records: list[EditRecord] = []
    faults: list[str] = []
    counts: Counter[int] = Counter()
    for index, entry in enumerate(content):
        reader = _RecordReader(entry, f"{source}: record {index}")
        record = reader.record()
        faults += reader.faults
        if reader.case_id is not None:
            counts[reader.case_id] += 1
        if len(faults) >= MOST_FAULTS:
            rest = f"{source}: the records after {index} were not looked at"
            raise RecordsError([*faults[:MOST_FAULTS], rest])
        if record is not None:
            records.append(record)
    repeated = [(case_id, n) for case_id, n in counts.items() if n > 1]
    faults += [
        f"{source}: case_id {case_id} occurs {n} times; it must be unique"
        for case_id, n in repeated[:MOST_FAULTS]
    ]
    if faults:
        raise RecordsError(faults)
    return records


class _RecordReader:
    """One entry of the file; collects faults instead of stopping at the first."""

    def __init__(self, entry: object, place: str) -> None:
        self.faults: list[str] = []
        self.case_id: int | None = None
        self._entry = entry
        self._place = place
        if isinstance(entry, dict) and entry.get("case_id") is not None:
            self._place = f"{place} (case_id {_shown(entry['case_id'])})"

    def record(self) -> EditRecord | None:
        """The record, or None after noting what is wrong with it."""
        if not isinstance(self._entry, dict):
            self.faults.append(f"{self._place}: must be an object")
            return None
        for place in islice(repeated_keys(self._entry), MOST_FAULTS):
            self._fault(place, "is set a second time")
        self.case_id = self._number(self._entry, "case_id")
        rewrite = self._field(self._entry, "requested_rewrite", dict)
        request = self._request(rewrite) if rewrite is not None else None
        paraphrases = self._prompts(self._entry, "paraphrase_prompts")
        neighbors = self._prompts(self._entry, "neighborhood_prompts")
        if self.faults or request is None:
            return None
        return EditRecord(request, paraphrases, neighbors)

    def _number(self, owner: Mapping[str, object], name: str) -> int | None:
        number = self._field(owner, name, int)
        if number is not None and abs(number) > _LARGEST_INT:
            self._fault(name, "must fit into 64 bits")
            return None
        return number

    def _request(self, rewrite: Mapping[str, object]) -> EditRequest | None:
        prompt = self._text(rewrite, "prompt", "requested_rewrite.prompt")
        subject = self._text(rewrite, "subject", "requested_rewrite.subject")
        new = self._target(rewrite, "target_new")
        true = self._target(rewrite, "target_true")
        if prompt is not None and prompt.count("{}") != 1:
            self._fault(
                "requested_rewrite.prompt", f'must hold one "{{}}", but got {_shown(prompt)}'
            )
        if new is not None and true is not None and seen(new) == seen(true):
            how = "" if new == true else " in more than what nobody sees"
            self._fault(
                "requested_rewrite.target_new",
                f"must differ from target_true{how}, but got {_shown(new)}",
            )
        relation = rewrite.get("relation_id")
        if self.case_id is None or not (prompt and subject and new and true):
            return None
        request = EditRequest(
            case_id=self.case_id,
            subject=subject,
            prompt=prompt,
            target_new=new,
            target_true=true,
            relation=plain_text(relation) if isinstance(relation, str) else None,
        )
        if plain_text(request.text) != request.text:
            self._fault("requested_rewrite.subject", "must not melt into a character of the prompt")
        return request

    def _target(self, rewrite: Mapping[str, object], name: str) -> str | None:
        place = f"requested_rewrite.{name}"
        holder = self._field(rewrite, name, dict, place)
        return self._text(holder, "str", f"{place}.str") if holder is not None else None

    def _text(self, owner: Mapping[str, object], name: str, place: str) -> str | None:
        text = self._field(owner, name, str, place)
        return self._plain(text, place) if text is not None else None

    def _prompts(self, owner: Mapping[str, object], name: str) -> tuple[str, ...]:
        found = []
        for position, prompt in enumerate(self._field(owner, name, list) or []):
            place = f"{name}[{position}]"
            if not isinstance(prompt, str):
                self._fault(place, f"must be text, but got {_shown(prompt)}")
            elif (text := self._plain(prompt, place)) is not None:
                found.append(text)
        return tuple(found)

    def _plain(self, text: str, place: str) -> str | None:
        """The normalized text, or None after noting a fault."""
        fault = None
        if len(text) > MOST_CHARACTERS:
            fault = f"must have {MOST_CHARACTERS} characters at most, but has {len(text)}"
        elif not _is_unicode(text):
            fault = f"must be valid Unicode, but got {_shown(text)}"
        elif "\0" in text:
            fault = f"must not hold a NUL, but got {_shown(text)}"
        elif not seen(text).strip():
            fault = f"must not be blank, but got {_shown(text)}"
        if fault is not None:
            self._fault(place, fault)
            return None
        return plain_text(text)

    def _field(
        self, owner: Mapping[str, object], name: str, kind: type[T], place: str | None = None
    ) -> T | None:
        """The field's value, or None after noting a fault."""
        if name not in owner:
            self._fault(place or name, "is missing")
            return None
        value = owner[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            self._fault(place or name, f"must be {_KINDS[kind]}, but got {_shown(value)}")
            return None
        return value

    def _fault(self, field: str, text: str) -> None:
        self.faults.append(f"{self._place}: {field}: {text}")


def _is_unicode(text: str) -> bool:
    """Whether a text has whole characters only: JSON can write half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """The beginning of a value, found without walking the rest of it."""
    return _REPR.repr(value)[:80]


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80
