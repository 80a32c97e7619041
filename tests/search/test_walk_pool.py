"""How often a walk is tried again; Ray's part is played by answers that are given beforehand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from greedy_core.settings import EditSettings
from search.cluster.lost_nodes import MOST_SPARED
from search.errors import PreparationFailed
from search.executors.walks import Walk, WalkEnd, WalkResult
from search.tune import walk_pool
from search.tune.walk_pool import WalkPool

LOST = ActorUnavailableError("RPC error: Socket closed", None)
DIED = ActorDiedError()
RESULT = WalkResult({}, ())
WALKS = [Walk(trial, "search", 0, EditSettings()) for trial in (7, 8)]


class _Reference:
    def __init__(self, answer: Any) -> None:
        self.answer = answer


class ScriptedRay:
    """One worker at a time, whose calls are answered from two lists: starts, and walks by trial."""

    def __init__(self, starts: list[Any], walks: dict[int, list[Any]]) -> None:
        self._starts = iter(starts)
        self._walks = {trial: iter(answers) for trial, answers in walks.items()}
        self.ready = SimpleNamespace(remote=lambda: _Reference(next(self._starts, None)))
        self.walk = SimpleNamespace(remote=self._walked)

    def options(self, **resources: float) -> Any:
        return SimpleNamespace(remote=lambda *shared: self)

    def _walked(self, name: str, walk: Walk, records: object) -> Any:
        return _Reference(next(self._walks[walk.trial]))

    def wait(self, references: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def get(self, reference: Any) -> Any:
        if isinstance(reference.answer, RayError):
            raise reference.answer
        return reference.answer

    def put(self, records: object) -> object:
        return records

    def kill(self, actor: object) -> None:
        pass


def ends(
    patch: pytest.MonkeyPatch, walks: dict[int, list[Any]], starts: list[Any], words: str = ""
) -> list[tuple[int, int, bool, str | None]]:
    """Trial, last attempt, whether it has a result, and the cause, of each walk's end."""
    scripted = ScriptedRay(starts, walks)
    patch.setattr(walk_pool, "ray", scripted)
    patch.setattr(walk_pool, "_RemoteWalkWorker", scripted)
    patch.setattr(walk_pool, "trials_at_once", lambda config: 1)
    nothing: Any = SimpleNamespace(
        check=lambda: None, look=lambda: None, cause=lambda name: None, received=None
    )
    nothing.watch = nothing.forget = lambda *arguments: None
    patch.setattr(walk_pool, "SignsOfLife", lambda timeout: nothing)
    config: Any = SimpleNamespace(
        search=SimpleNamespace(trial_timeout=60, max_failures=1),
        ray=SimpleNamespace(cpus_per_trial=1, gpus_per_trial=0),
    )
    prepared: Any = None
    pool = WalkPool(config, prepared, [prepared], nothing, words, lambda running: None)
    found: list[WalkEnd] = [*pool.run([walk for walk in WALKS if walk.trial in walks])]
    return [(e.walk.trial, e.attempt, e.result is not None, e.error) for e in found]


def test_a_walk_that_its_metric_has_ended_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "words of walk 7 0 1").write_text("m:f\nFatal Python error: Segmentation fault\n")
    ((_, attempt, _, cause),) = ends(monkeypatch, {7: [DIED, DIED]}, [], str(tmp_path))
    assert attempt == 1 and cause is not None
    assert cause.startswith("greedy.metric 'm:f' ended its process (SIGSEGV): it wrote into the")


def test_losses_of_a_machine_are_no_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {7: [LOST] * MOST_SPARED + [DIED, RESULT]}
    assert ends(monkeypatch, answers, []) == [(7, 1, True, None)]


def test_a_walk_is_spared_so_many_losses_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {7: [LOST] * (MOST_SPARED + 2), 8: [LOST] * MOST_SPARED + [RESULT]}
    cause = "the worker was lost together with its machine"
    assert ends(monkeypatch, answers, []) == [(7, 1, False, cause), (8, 0, True, None)]


def test_workers_that_are_lost_while_they_start_do_not_go_on_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ends(monkeypatch, {7: [RESULT]}, [LOST] * MOST_SPARED) == [(7, 0, True, None)]
    with pytest.raises(PreparationFailed, match="no worker can be started: the worker was lost"):
        ends(monkeypatch, {7: [RESULT]}, [LOST] * (MOST_SPARED + 2))
