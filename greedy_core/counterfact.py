"""Reads CounterFact files as published: a JSON list of records; keys not named here are ignored.

{"case_id": 0,
 "requested_rewrite": {"prompt": "The mother tongue of {} is", "subject": "Danielle Darrieux",
                       "target_new": {"str": "English"}, "target_true": {"str": "French"}},
 "paraphrase_prompts": ["..."], "neighborhood_prompts": ["..."]}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from greedy_core.errors import RecordsError
from greedy_core.records import EditRecord, EditRequest

T = TypeVar("T")

_KINDS: dict[type, str] = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


def read_counterfact(path: Path) -> list[EditRecord]:
    """Read and validate a whole file.

    Raises:
        RecordsError: with every fault of the file: file, record index, case_id, field.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RecordsError(
            f"{path}: not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None
    except json.JSONDecodeError as error:
        raise RecordsError(
            f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise RecordsError(f"{path}: not JSON that can be read: {error}") from None
    return parse_counterfact(content, str(path))


def parse_counterfact(content: object, source: str) -> list[EditRecord]:
    """Turn the content of a CounterFact file into records.

    Raises:
        RecordsError: with every fault found, each beginning with `source`.
    """
    if not isinstance(content, list) or not content:
        raise RecordsError(f"{source}: must be a non-empty list of records")
    readers = [
        _RecordReader(entry, f"{source}: record {index}") for index, entry in enumerate(content)
    ]
    records = [reader.record() for reader in readers]
    faults = [fault for reader in readers for fault in reader.faults]
    counts = Counter(reader.case_id for reader in readers if reader.case_id is not None)
    faults += [
        f"{source}: case_id {case_id} occurs {n} times; it must be unique"
        for case_id, n in counts.items()
        if n > 1
    ]
    if faults:
        raise RecordsError(faults)
    return [record for record in records if record is not None]


class _RecordReader:
    """One entry of the file; collects faults instead of stopping at the first."""

    def __init__(self, entry: object, place: str) -> None:
        self.faults: list[str] = []
        self.case_id: int | None = None
        self._entry = entry
        self._place = place
        if isinstance(entry, dict) and entry.get("case_id") is not None:
            self._place = f"{place} (case_id {entry['case_id']!r:.40})"

    def record(self) -> EditRecord | None:
        """The record, or None after noting what is wrong with it."""
        if not isinstance(self._entry, dict):
            self.faults.append(f"{self._place}: must be an object")
            return None
        self.case_id = self._field(self._entry, "case_id", int)
        rewrite = self._field(self._entry, "requested_rewrite", dict)
        request = self._request(rewrite) if rewrite is not None else None
        paraphrases = self._prompts(self._entry, "paraphrase_prompts")
        neighbors = self._prompts(self._entry, "neighborhood_prompts")
        if self.faults or request is None:
            return None
        return EditRecord(request, paraphrases, neighbors)

    def _request(self, rewrite: Mapping[str, object]) -> EditRequest | None:
        prompt = self._text(rewrite, "prompt", "requested_rewrite.prompt")
        subject = self._text(rewrite, "subject", "requested_rewrite.subject")
        new = self._target(rewrite, "target_new")
        true = self._target(rewrite, "target_true")
        if prompt is not None and prompt.count("{}") != 1:
            self._fault("requested_rewrite.prompt", f'must hold one "{{}}", but got {prompt!r:.80}')
        if new is not None and new == true:
            self._fault(
                "requested_rewrite.target_new", f"must differ from target_true, but got {new!r:.80}"
            )
        relation = rewrite.get("relation_id")
        if self.case_id is None or not (prompt and subject and new and true):
            return None
        return EditRequest(
            case_id=self.case_id,
            subject=subject.strip(),
            prompt=prompt,
            target_new=new,
            target_true=true,
            relation=relation if isinstance(relation, str) else None,
        )

    def _target(self, rewrite: Mapping[str, object], name: str) -> str | None:
        place = f"requested_rewrite.{name}"
        holder = self._field(rewrite, name, dict, place)
        text = self._text(holder, "str", f"{place}.str") if holder is not None else None
        return text.strip() if text is not None else None

    def _text(self, owner: Mapping[str, object], name: str, place: str) -> str | None:
        text = self._field(owner, name, str, place)
        if text is None:
            return None
        if not text.strip():
            self._fault(place, "must not be blank")
            return None
        return text if self._encodes(text, place) else None

    def _prompts(self, owner: Mapping[str, object], name: str) -> tuple[str, ...]:
        prompts = self._field(owner, name, list) or []
        for position, prompt in enumerate(prompts):
            place = f"{name}[{position}]"
            if not isinstance(prompt, str) or not prompt.strip():
                self._fault(place, f"must be text, but got {prompt!r:.80}")
            else:
                self._encodes(prompt, place)
        return tuple(prompts)

    def _encodes(self, text: str, place: str) -> bool:
        """Whether a text is Unicode; JSON can write half a surrogate pair, which is none."""
        valid = not any("\ud800" <= character <= "\udfff" for character in text)
        if not valid:
            self._fault(place, f"must be valid Unicode, but got {text!r:.80}")
        return valid

    def _field(
        self, owner: Mapping[str, object], name: str, kind: type[T], place: str | None = None
    ) -> T | None:
        """The field's value, or None after noting a fault."""
        if name not in owner:
            self._fault(place or name, "is missing")
            return None
        value = owner[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            self._fault(place or name, f"must be {_KINDS[kind]}, but got {value!r:.80}")
            return None
        return value

    def _fault(self, field: str, text: str) -> None:
        self.faults.append(f"{self._place}: {field}: {text}")
