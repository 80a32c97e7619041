"""What a session and an executor say to each other.

    session -> executor    prepare, then run until there is no next trial
    executor -> session    next, on_start, (on_report | on_retry)*, on_end | on_error; between

A session knows trials by their numbers. The executor decides how often a trial is tried, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from search.executors.walks import Walk, WalkEnd
from search.results.recovery import Proposal


class Trials(Protocol):
    """A session's trials, as an executor meets them."""

    def next(self) -> Proposal | None:
        """What is to be run next; None: nothing more."""
        ...

    def changes(self, proposal: Proposal) -> dict[str, Any]:
        """Its settings that differ from the sweep's, by dotted key."""
        ...

    def on_start(self, proposal: Proposal) -> None:
        """A trial's first attempt has begun."""
        ...

    def on_report(self, proposal: Proposal, report: Mapping[str, Any]) -> bool:
        """A trial has reported; returns whether it goes on."""
        ...

    def on_retry(self, proposal: Proposal, cause: str) -> None:
        """An attempt has failed, and another one follows."""
        ...

    def on_end(self, proposal: Proposal) -> None:
        """A trial has reached its end, or was stopped at its last report."""
        ...

    def on_error(self, proposal: Proposal, cause: str) -> None:
        """A trial's last attempt has failed."""
        ...

    def between(self) -> None:
        """Called again and again, when nothing is half done; what it raises ends the run."""
        ...


class Shared(Protocol):
    """What was prepared for all trials, for as long as this process lives."""

    @property
    def digests(self) -> Mapping[str, str]:
        """Of model, dataset and corpus."""
        ...

    def check_unchanged(self) -> None:
        """Look at the base model's weights.

        Raises:
            BaseModelChanged: if somebody wrote into them.
        """
        ...


class Executor(Protocol):
    """Prepares a sweep and runs its trials; made for one configuration."""

    def opened(self) -> AbstractContextManager[None]:
        """A context, inside which the executor can work."""
        ...

    def prepare(
        self,
        on_progress: Callable[[Progress], None],
        import_roots: Sequence[str],
        *,
        records: bool = True,
        others: Sequence[Selection] = (),
    ) -> Shared:
        """Compute what all trials share.

        Args:
            on_progress: told how far it is.
            import_roots: folders that modules of metric functions lie in.
            records: whether this includes what follows from the edited records.
            others: selections of the same dataset that are edited instead; they are checked.
        """
        ...

    def run(self, trials: Trials, shared: Any, total: int) -> None:
        """Run trials until there is no next one, or `between` raises.

        Args:
            trials: the session's.
            shared: what this executor has prepared.
            total: how many trials there are.
        """
        ...

    def walks(
        self,
        walks: Sequence[Walk],
        shared: Any,
        sequences: Sequence[Selection],
        on_look: Callable[[int], None],
    ) -> Generator[WalkEnd]:
        """Run a confirmation's walks, each to its end, and give them as they end.

        Args:
            walks: what is to be run.
            shared: what this executor has prepared.
            sequences: each sequence's records.
            on_look: called with the number of walks under way, again and again.

        Raises:
            BaseModelChanged: if somebody has written into the weights that all share.
        """
        ...
