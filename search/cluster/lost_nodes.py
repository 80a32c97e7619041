"""A trial that is lost together with its machine has not failed."""

from __future__ import annotations

from typing import Any

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError
from ray.tune.experiment import Trial

from search.cluster.ray_internals import call_preempted

MOST_SPARED = 20
"""Losses that do not count against a trial; more than that is no longer bad luck."""


class SparedTrial(Trial):
    """Does not count the loss of a machine among the trial's failures; it is simply run again.

    Ray itself does so where a machine was taken away with notice.
    """

    spared = 0
    """Losses that have not counted."""

    def handle_error(self, exc: Any = None) -> None:
        """Note an error; one that came with the machine as Ray notes a preemption."""
        if self.spared < MOST_SPARED and isinstance(exc, RayActorError) and lost_with_its_node(exc):
            self.spared += 1
            call_preempted(exc)
        super().handle_error(exc)


def lost_with_its_node(error: RayActorError) -> bool:
    """Whether a worker is gone because its machine is.

    A living machine reports a dead worker within milliseconds. If none does, Ray calls the worker
    unavailable after a second; only after some 15 s does it know that the machine is dead.
    """
    if isinstance(error, ActorUnavailableError):
        return True
    return isinstance(error, ActorDiedError) and "its node has died" in str(error)
