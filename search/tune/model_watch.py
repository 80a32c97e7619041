"""Ends a session in which a worker has found its base model changed."""

from __future__ import annotations

from typing import Any

from ray import tune

from greedy_core.errors import BaseModelChanged
from search.tune.recorder import cause_of

_CHANGED = f"{BaseModelChanged.__name__}: "


class ModelWatch(tune.Callback):
    """Hears what failed trials say, before they are tried again."""

    def __init__(self) -> None:
        self._found: str | None = None

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note what an attempt failed for that would be repeated."""
        cause = cause_of(trial)
        if cause.startswith(_CHANGED):
            self._found = cause.removeprefix(_CHANGED)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The same for a trial's last attempt."""
        self.on_trial_recover(iteration, trials, trial)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Stop where nothing is half done.

        Raises:
            BaseModelChanged: what the worker said.
        """
        if self._found is not None:
            raise BaseModelChanged(self._found)
