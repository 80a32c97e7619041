"""How far all walks of a space have come: the states that they are in, and who is in each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from greedy_core.pieces.ways import Interval, Way
from greedy_core.states.state_tree import State


@dataclass(frozen=True)
class Group:
    """Walks that have gone the same way so far: those of one assignment and an interval."""

    assignment: int
    """Place of the assignment in the space."""
    interval: Interval
    """Smallest improvements."""
    path: tuple[str, ...] = ()
    """Keys of the states after each batch that is done."""
    probe_prompts: int = 0
    """Probe prompts that were asked in these batches."""
    asked: dict[str, int] = field(default_factory=dict)
    """Probe prompts of the states measured in the present batch, by their keys."""

    def gone(self, way: Way) -> Group:
        """The walks of this group that went one way through a loop."""
        return replace(self, interval=way.interval, asked=way.asked)

    def batch_done(self, state: State) -> Group:
        """The group at the end of a batch, in a state."""
        return replace(
            self,
            path=(*self.path, state.key),
            probe_prompts=self.probe_prompts + sum(self.asked.values()),
            asked={},
        )

    def goes_on_as(self, other: Group) -> bool:
        """Whether another group is the same walk with the next larger smallest improvements."""
        return (
            math.nextafter(self.interval[1], math.inf) == other.interval[0]
            and replace(self, interval=other.interval) == other
        )


@dataclass
class Frontier:
    """The states that walks are in, each with its groups."""

    _states: dict[str, State] = field(default_factory=dict)
    _groups: dict[str, list[Group]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._states)

    def __iter__(self) -> Iterator[tuple[State, list[Group]]]:
        """Each state with its groups, in the order in which states were reached."""
        for key, state in self._states.items():
            yield state, self._groups[key]

    def add(self, state: State, group: Group) -> None:
        """Note that some walks are in a state."""
        self._states.setdefault(state.key, state)
        self._groups.setdefault(state.key, []).append(group)

    def joined(self) -> Frontier:
        """The frontier with groups in one where they are neighbors and the same walk."""
        return Frontier(self._states, {key: joined(groups) for key, groups in self._groups.items()})

    def batch_done(self) -> Frontier:
        """The frontier at the end of a batch."""
        done = Frontier()
        for state, groups in self:
            for group in groups:
                done.add(state, group.batch_done(state))
        return done.joined()


def joined(groups: Iterable[Group]) -> list[Group]:
    """Groups by assignment and interval, with neighbors that are the same walk in one."""
    found: list[Group] = []
    for group in sorted(groups, key=lambda each: (each.assignment, each.interval)):
        if found and found[-1].goes_on_as(group):
            group = replace(group, interval=(found.pop().interval[0], group.interval[1]))
        found.append(group)
    return found
