"""Row memory: what one more worker adds to a node's memory, at the size of GPT-2."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ray

from benchmarks.models import save_gpt2_124m
from benchmarks.rows import Row, Work
from benchmarks.sweeps import config_of
from search.cluster.interrupts import interruptible
from search.cluster.preparation import prepared
from search.cluster.ray_session import ray_session
from search.tune.trainable import GreedyEditTrainable

TRIALS = 4


class IdleWorker:
    """Has imported what every worker needs, and does nothing."""

    def private_mb(self) -> float:
        """Memory that no other process shares."""
        import torch
        import transformers

        assert issubclass(transformers.GPT2LMHeadModel, torch.nn.Module)
        return private_mb()


class TrialWorker:
    """Runs trials as Tune would have it."""

    def __init__(self, reference: list[ray.ObjectRef]) -> None:
        self._trainable = GreedyEditTrainable()
        self._trainable.setup({}, prepared=lambda: ray.get(reference[0]))

    def run(self, steps: int) -> dict[str, float]:
        """Run a trial of so many steps; the most private memory that was seen between steps."""
        self._trainable.reset_config({"greedy.steps": steps, "greedy.patience": 4})
        most, report = 0.0, {"done": False}
        while not report["done"]:
            report = self._trainable.step()
            most = max(most, private_mb())
        return {"mb": most, **{k: report[k] for k in ("states_computed", "states_read")}}


def private_mb() -> float:
    """Private memory of this process, in MB, as the kernel counts it."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    kb = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    return sum(int(kb[name][0]) for name in ("Private_Clean", "Private_Dirty")) / 1000


def measure() -> list[Row]:
    """Two workers that run trials on one prepared base, beside an idle one."""
    with tempfile.TemporaryDirectory() as temporary, interruptible() as interrupts:
        root = Path(temporary)
        save_gpt2_124m(root / "model")
        config = config_of(
            {
                "model": root / "model",
                "edits": 8,
                "values.steps": 2,
                "covariance.tokens": 5000,
                "cache.dir": root / "cache",
            }
        )
        with ray_session(config, verbose=False, interrupts=interrupts):
            shared = prepared(config, lambda progress: None)
            on_no_cpu = ray.remote(num_cpus=0)
            idle: Any = on_no_cpu(IdleWorker).remote()
            workers: list[Any] = [
                on_no_cpu(TrialWorker).remote([shared.reference]) for _ in range(2)
            ]
            told = [ray.get(w.run.remote(n)) for n in range(2, 2 + TRIALS) for w in workers]
            empty = ray.get(idle.private_mb.remote())
    mb = max(each["mb"] for each in told[1::2])
    return [
        Row(
            row="memory",
            ratio=mb - empty,
            target=120,
            better="less",
            unit="MB, a worker / an idle one",
            note=(
                f"GPT-2-124M shape in float32 (its weights are 498 MB, once per node): the second "
                f"worker holds {mb:.0f} MB by itself at most, an idle one {empty:.0f} MB"
            ),
            work=Work(
                trials=len(told),
                distinct_states=int(sum(each["states_computed"] for each in told)),
                states_read=int(sum(each["states_read"] for each in told)),
            ),
        )
    ]
