"""When a sweep that only fails is stopped."""

from __future__ import annotations

from typing import Any

from ray import tune

from search.errors import OnlyFailures
from search.tune.recorder import Recorder


class GivingUp(tune.Callback):
    """Stops a session in which so many search trials have failed and none has ended otherwise.

    Baselines do not count: one of them uses no metric function, and would end well without.

    Args:
        recorder: knows how trials ended.
        limit: the number of failures; None goes on whatever happens.
    """

    def __init__(self, recorder: Recorder, limit: int | None) -> None:
        self._recorder = recorder
        self._limit = limit

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Stop where nothing is half done.

        Raises:
            OnlyFailures: if there is nothing to hope for.
        """
        failed, ended = self._recorder.searched["failed"], self._recorder.searched.total()
        if self._limit is not None and failed == ended and failed >= self._limit:
            (cause, times), *_ = self._recorder.causes.most_common(1)
            raise OnlyFailures(failed, cause, times)
