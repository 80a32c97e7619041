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

from greedy_core.errors import RecordsError
from greedy_core.records import EditRecord, EditRequest

_KINDS = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


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
    faults: list[str] = []
    records = []
    for index, entry in enumerate(content):
        reader = _RecordReader(entry, f"{source}: record {index}")
        record = reader.record()
        faults += reader.faults
        if record is not None:
            records.append(record)
    counts = Counter(record.case_id for record in records)
    faults += [
        f"{source}: case_id {case_id} occurs {n} times; it must be unique"
        for case_id, n in counts.items()
        if n > 1
    ]
    if faults:
        raise RecordsError(faults)
    return records


class _RecordReader:
    """One entry of the file; collects faults instead of stopping at the first."""

    def __init__(self, entry: object, place: str) -> None:
        self.entry = entry
        self.faults: list[str] = []
        case_id = entry.get("case_id") if isinstance(entry, dict) else None
        self.place = place if case_id is None else f"{place} (case_id {case_id!r:.40})"

    def record(self) -> EditRecord | None:
        if not isinstance(self.entry, dict):
            self.faults.append(f"{self.place}: must be an object")
            return None
        case_id = self._field(self.entry, "case_id", int)
        rewrite = self._field(self.entry, "requested_rewrite", dict) or {}
        prompt = self._text(rewrite, "prompt", "requested_rewrite.")
        subject = self._text(rewrite, "subject", "requested_rewrite.")
        new = self._target(rewrite, "target_new")
        true = self._target(rewrite, "target_true")
        paraphrases = self._prompts("paraphrase_prompts")
        neighbors = self._prompts("neighborhood_prompts")
        if prompt and prompt.count("{}") != 1:
            self._fault("requested_rewrite.prompt", f'must hold one "{{}}", but got {prompt!r:.80}')
        if new and new == true:
            self._fault(
                "requested_rewrite.target_new", f"must differ from target_true, {new!r:.80}"
            )
        if self.faults:
            return None
        relation = rewrite.get("relation_id")
        request = EditRequest(
            case_id, subject, prompt, new, true, relation if isinstance(relation, str) else None
        )
        return EditRecord(request, paraphrases, neighbors)

    def _fault(self, field: str, text: str) -> None:
        self.faults.append(f"{self.place}: {field}: {text}")

    def _field(self, owner: Mapping[str, object], name: str, kind: type, prefix: str = ""):  # type: ignore[no-untyped-def]
        """The field's value, or None after noting a fault."""
        if name not in owner:
            if not (prefix and self.faults and owner == {}):
                self._fault(prefix + name, "is missing")
            return None
        value = owner[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            self._fault(prefix + name, f"must be {_KINDS[kind]}, but got {value!r:.80}")
            return None
        return value

    def _text(self, owner: Mapping[str, object], name: str, prefix: str) -> str:
        text = self._field(owner, name, str, prefix)
        if text is not None and not text.strip():
            self._fault(prefix + name, "must not be blank")
        return text or ""

    def _target(self, rewrite: Mapping[str, object], name: str) -> str:
        holder = self._field(rewrite, name, dict, "requested_rewrite.")
        if holder is None:
            return ""
        return self._text(holder, "str", f"requested_rewrite.{name}.").strip()

    def _prompts(self, name: str) -> tuple[str, ...]:
        prompts = self._field(self.entry, name, list)  # type: ignore[arg-type]
        for position, prompt in enumerate(prompts or ()):
            if not isinstance(prompt, str) or not prompt.strip():
                self._fault(f"{name}[{position}]", f"must be text, but got {prompt!r:.80}")
        return tuple(prompts or ())
