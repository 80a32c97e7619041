"""Requests of one plan with the same prompt: contradictions and repeats, and what is done then.

Two requests contradict each other if their rewrite prompts are the same text and their target_new
are not. The setting `conflicts` decides: `keep` edits both, `last` takes only the last of the
dataset's requests with a prompt, and `refuse` refuses the plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from greedy_core.inputs.records import EditRecord, EditRequest

_MOST_SHOWN = 5
"""How many groups, and how many records of a group, a note names before it just counts the rest."""

Group = tuple[EditRequest, ...]


def contradictions(requests: Sequence[EditRequest]) -> list[Group]:
    """Requests with the same prompt and several target_new, prompt by prompt."""
    return [group for group in _same_prompt(requests) if _objects(group) > 1]


def last_of_each_prompt(records: Sequence[EditRecord]) -> list[EditRecord]:
    """The records without those whose prompt a later one repeats."""
    last = {record.request.text: record.case_id for record in records}
    return [record for record in records if last[record.request.text] == record.case_id]


def refusals(requests: Sequence[EditRequest], what: str) -> list[str]:
    """A line for each contradiction, for plans that must have none."""
    return [
        f"{what} must not contradict each other where conflicts is refuse, but got (case_ids="
        f"{[request.case_id for request in group[:_MOST_SHOWN]]}, prompt={group[0].text!r:.80}, "
        f"target_new={[request.target_new[:40] for request in group[:_MOST_SHOWN]]})"
        for group in contradictions(requests)
    ]


def conflict_notes(requests: Sequence[EditRequest], superseded: Sequence[int] = ()) -> list[str]:
    """What a user should know about requests for the same fact, a sentence for each kind.

    Args:
        requests: those of one plan.
        superseded: case_ids of records that are not used, because conflicts is last.
    """
    repeated = [group for group in _same_prompt(requests) if _objects(group) == 1]
    with_relation = [request for request in requests if request.relation]
    related = [
        group
        for group in _groups(with_relation, lambda request: (request.subject, request.relation))
        if _objects(group) > 1 and len({request.text for request in group}) > 1
    ]
    kinds = {
        "contradict each other, the same prompt with another target_new": contradictions(requests),
        "ask for the same edit": repeated,
        "give one subject and relation several objects, in different words": related,
    }
    found = [f"case_ids {_listed(groups)} {text}" for text, groups in kinds.items() if groups]
    if superseded:
        found.append(
            f"records not used, because a later one has the same prompt: {_enumerated(superseded)}"
        )
    return found


def _same_prompt(requests: Sequence[EditRequest]) -> list[Group]:
    return _groups(requests, lambda request: request.text)


def _groups(requests: Sequence[EditRequest], key: Callable[[EditRequest], Hashable]) -> list[Group]:
    """Requests that share a key with another one, key by key, in their order."""
    groups: dict[Hashable, list[EditRequest]] = defaultdict(list)
    for request in requests:
        groups[key(request)].append(request)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _objects(group: Group) -> int:
    """How many different objects are to be written."""
    return len({request.target_new for request in group})


def _listed(groups: Sequence[Group]) -> str:
    """The groups by their case_ids: "1 and 2; 5, 7 and 9; 3 more groups"."""
    shown = [_enumerated([request.case_id for request in group]) for group in groups[:_MOST_SHOWN]]
    if len(groups) > _MOST_SHOWN:
        shown.append(f"{len(groups) - _MOST_SHOWN} more groups")
    return "; ".join(shown)


def _enumerated(case_ids: Sequence[int]) -> str:
    shown = [*map(str, case_ids[:_MOST_SHOWN])]
    if len(case_ids) > _MOST_SHOWN:
        shown.append(f"{len(case_ids) - _MOST_SHOWN} more")
    return " and ".join(", ".join(part) for part in (shown[:-1], shown[-1:]) if part)
