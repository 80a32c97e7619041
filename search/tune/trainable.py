"""The thin shell around `GreedyRun` that Ray Tune drives; it holds no arithmetic.

Works alone with any scheduler and searcher:

    tune.Tuner(GreedyEditTrainable, param_space={"greedy.steps": tune.randint(1, 9)}).fit()

where it loads and prepares by itself. A sweep hands it what was prepared once.
"""

from __future__ import annotations

import faulthandler
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray import tune

from search.cluster.signs_of_life import Pulse
from search.worker.walk_mark import WalkMark

if TYPE_CHECKING:
    from search.executors.walker import Walker
    from search.worker.prepared import Prepared


class GreedyEditTrainable(tune.Trainable):
    """A trial: one walk, reported at its rungs and at its end.

    Its configuration has dotted keys of the settings (`greedy.steps`, `search.grace`, ...); what is
    left out keeps its default, in a sweep the sweep's value.
    """

    def setup(
        self,
        config: dict[str, Any],
        prepared: Callable[[], Prepared] | None = None,
        words: str | None = None,
    ) -> None:
        """Nothing that can fail, as in `reset_config`; the first step takes what was prepared."""
        self._take = prepared
        self._words = words
        self._walker: Walker | None = None
        self._waiting: Mapping[str, Any] | None = config
        self._mark = WalkMark()
        """Where the next step begins, once the walk has been opened."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Let the next step start another walk in the same process.

        Nothing that can fail happens here: Tune retries a trial whose step fails or hangs, while an
        error before its first step would lose it.
        """
        self._waiting = new_config
        self._mark = WalkMark()
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Note how far the walk has come; it is walked again from its settings."""
        walker = self._walker if self._waiting is None else None
        mark = self._mark if walker is None else walker.mark
        mark.write(checkpoint_dir)

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Have the next step begin where a walk was when it was saved."""
        self._mark = WalkMark.read(checkpoint)
        if self._waiting is None:
            self._waiting = self._changes

    def step(self) -> dict[str, Any]:
        """Walk to the next rung that is reported, or to the end; report held-out metrics there.

        Raises:
            BaseModelChanged: if somebody changed the model; nothing of it is reported.
        """
        try:
            walker = self._opened_walker()
            if self._waiting is not None:
                walker.start(self.trial_id, self._waiting, self._mark)
                self._changes, self._waiting = self._waiting, None
            return walker.walk()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _opened_walker(self) -> Walker:
        """Imports torch, which the process that starts trials does without."""
        if self._walker is None:
            from search.executors.walker import Walker

            if self._take is None:
                self._walker = Walker(None, self._words, _end_if_it_hangs)
            else:
                self._walker = Walker(self._take(), self._words, Pulse().beat)
        return self._walker


def _end_if_it_hangs(trial: str, timeout: float) -> None:
    """Where no driver watches, end this process if the next step hangs; Tune tries again.

    The watch runs outside the interpreter, so it also ends what never returns to Python.
    """
    faulthandler.dump_traceback_later(timeout, exit=True)
