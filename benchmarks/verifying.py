"""What verifying the base model before publishing costs a cold trial, and a metric function's copy.

python -m benchmarks.verifying
"""

from __future__ import annotations

import copy
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.models import gpt2_124m, save_gpt2_124m
from benchmarks.sweeps import config_of
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.walk.greedy import GreedyRun
from search.worker.walk_context import WalkContext

TRIALS = 5


def trial_share(settings: dict[str, Any], trials: int) -> str:
    """Cold trials one after the other, as a worker runs them; the best of them counts."""
    spent = [0.0, 0]
    genuine = WeightsCheck.require_unchanged

    def timed(check: WeightsCheck) -> None:
        started = time.thread_time()
        genuine(check)
        spent[0] += time.thread_time() - started
        spent[1] += 1

    shares = []
    with patch.object(WeightsCheck, "require_unchanged", timed):
        for _ in range(trials):
            with tempfile.TemporaryDirectory() as cache:
                config = config_of({**settings, "cache.dir": cache})
                context = WalkContext.alone(config.edit, config.cache)
                scores, edit = context.open(config.edit)
                scores.tree.base.prepare()
                spent[:] = [0.0, 0]
                started = time.thread_time()
                run = GreedyRun(scores, edit)
                while not run.done:
                    run.step()
                    context.share_if_due()
                run.evaluate()
                context.verify()
                shares.append((spent[0] / (time.thread_time() - started), *spent))
    share, seconds, looks = sorted(shares)[len(shares) // 2]
    return f"{100 * share:.2f} % of a cold trial, {looks} checks, {1000 * seconds:.1f} ms in all"


def best_ms(action: Callable[[], object], times: int = 7) -> float:
    """Milliseconds of the processor, at best."""
    seconds = []
    for _ in range(times):
        started = time.thread_time()
        action()
        seconds.append(time.thread_time() - started)
    return 1000 * min(seconds)


def copy_cost(name: str, model: LanguageModel) -> str:
    """A check, and the copy that a metric function gets."""
    check = WeightsCheck(model)
    looked = best_ms(check.require_unchanged)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    copied = best_ms(lambda: copy.deepcopy(model))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f"{name}: a check {looked:.1f} ms, a copy {copied:.1f} ms and {more:.0f} MB"


def main() -> None:
    """Print all figures."""
    print(copy_cost("factworld", load_model("factworld", device="cpu")))
    print(copy_cost("GPT-2 124M", gpt2_124m()))
    print("factworld:", trial_share({}, TRIALS))
    print("factworld, targets=current:", trial_share({"targets": "current"}, TRIALS))
    with tempfile.TemporaryDirectory() as folder:
        large = {"model": save_gpt2_124m(Path(folder)), "layers": "[3]", "edits": 4}
        large |= {"covariance.tokens": 2000, "values.steps": 5}
        print("GPT-2 124M:", trial_share(large, 1))


if __name__ == "__main__":
    main()
