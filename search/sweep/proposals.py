"""What is run: numbered trials, in the order in which they are to start."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.config.baselines import baselines
from search.results.recovery import EndedTrial, Proposal


@dataclass(frozen=True)
class Assignment:
    """What the sweep still has to do."""

    waiting: deque[Proposal]
    """Trials with known settings, to run first: baselines, and proposals without an end."""
    first_new: int
    """Number of the first trial that is still to be proposed."""
    new: int
    """How many trials are still to be proposed."""
    first_search: int
    """Number of the first search trial; baselines come before it."""

    @property
    def total(self) -> int:
        """Trials left to run."""
        return len(self.waiting) + self.new


def assign(
    config: Mapping[str, object],
    trials: int,
    generation: int,
    ended: Sequence[EndedTrial],
    pending: Sequence[Proposal],
    untried: int | None = None,
) -> Assignment:
    """Plan a fresh sweep, or the rest of one.

    Proposals that have not ended come first, under their numbers; then baselines that were not
    proposed yet, under the numbers 0, 1, 2; then as many new ones as are missing to `trials`.

    Args:
        config: the sweep's settings.
        trials: search trials that are asked for in all.
        generation: of what is new.
        ended: trials with a row.
        pending: trials that were proposed and have none.
        untried: settings of a finite space that nobody has proposed; None: it is infinite.
    """
    roles_by_trial = {each.trial: each.role for each in ended}
    roles_by_trial |= {each.trial: each.role for each in pending}
    waiting = sorted(pending, key=lambda proposal: proposal.trial)
    waiting += [
        Proposal(number, role, generation, {**config, **changes})
        for number, (role, changes) in enumerate(baselines(config).items())
        if role not in roles_by_trial.values()
    ]
    proposed = list(roles_by_trial.values()).count("search")
    first_search = len(baselines(config))
    first_new = max([first_search - 1, *roles_by_trial]) + 1
    new = max(trials - proposed, 0)
    if untried is not None:
        new = min(new, untried)
    return Assignment(deque(waiting), first_new, new, first_search)
