"""What counts among a trial's failures."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError
from ray.tune.experiment import Trial

from search.cluster.lost_nodes import MOST_SPARED, SparedTrial, lost_with_its_node


def died(message: str) -> RayActorError:
    error = ActorDiedError()
    error.error_msg = message
    return error


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (ActorUnavailableError("RPC error: Socket closed", None), True),
        (died("The actor died because its node has died. Node Id: 711464"), True),
        (died("The actor is dead because its worker process has died."), False),
        (ActorDiedError(), False),
    ],
)
def test_a_worker_that_is_lost_with_its_machine_is_told_from_one_that_died(
    error: RayActorError, lost: bool
) -> None:
    assert lost_with_its_node(error) == lost


def test_a_trial_is_spared_so_many_losses_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "local_path", None)  # where the error would be written
    trial = Trial("no such trainable", stub=True, max_failures=0)
    trial.__class__ = SparedTrial
    for _ in range(MOST_SPARED):
        trial.handle_error(ActorUnavailableError("RPC error: Socket closed", None))
    assert trial.num_failures == 0
    trial.handle_error(ActorUnavailableError("RPC error: Socket closed", None))
    assert trial.num_failures == 1
