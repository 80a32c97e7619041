"""What it costs that a metric function cannot write into the base model.

python -m benchmarks.sealing
"""

from __future__ import annotations

import copy
import time
from pathlib import Path

from benchmarks.models import gpt2_124m
from benchmarks.verifying import best_ms
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.sealing import seal
from search.worker.last_words import told_by_another

TIMES = 5


def resident_mb() -> float:
    """Memory of this process that is in use."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def sealing(name: str, loaded: LanguageModel) -> str:
    """The first time, which moves a model that was loaded here, and every later one."""
    firsts, grown = [], []
    for _ in range(TIMES):
        model = copy.deepcopy(loaded)
        before, started = resident_mb(), time.thread_time()
        seal(model.module)
        firsts.append(1000 * (time.thread_time() - started))
        grown.append(resident_mb() - before)
    again = best_ms(lambda: seal(model.module))
    return (
        f"{name}: moved and sealed in {min(firsts):.1f} ms, {min(grown):.1f} MB more; "
        f"sealed already: {again:.2f} ms a walk"
    )


def beside() -> None:
    """What `ratchet edit` starts and waits for where a metric function is used."""
    with told_by_another("m:f"):
        pass


def main() -> None:
    """Print all figures."""
    print(sealing("factworld", load_model("factworld", device="cpu")))
    print(sealing("GPT-2 124M", gpt2_124m()))
    started = time.perf_counter()
    beside()
    print(f"the process beside a command: {1000 * (time.perf_counter() - started):.0f} ms")


if __name__ == "__main__":
    main()
