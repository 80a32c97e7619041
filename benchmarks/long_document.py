"""What one line of 12,000 words costs the covariance: processor time, memory, tokens run and used.

    python -m benchmarks.long_document --before e5cfee8

Three corpora for each model: 31 short lines, the same with the long line among them, the same with
the long line's words as short lines. Each is measured in a process of its own, with one thread;
`--before` measures an earlier commit's greedy_core, too. The models: factworld (context 64),
GPT-2's smallest shape (1024), a tiny Llama (32,768), and those that `--model` names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.models import gpt2_124m, tiny_llama
from greedy_core import factworld
from greedy_core.emmet.covariance import estimate_covariances
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.settings import CovarianceSettings

ROOT = Path(__file__).parent.parent
WORDS = 12_000
SHORT = 31
WORDS_OF_A_SHORT_LINE = 18
MODELS = ("factworld", "gpt2_124m", "tiny_llama")
CORPORA = ("short", "long", "divided")


def corpus(kind: str) -> list[str]:
    """The short lines, and among them whatever the kind asks for."""
    texts = factworld.biographies()
    words = (" ".join(texts[SHORT:])).split()[:WORDS]
    assert len(words) == WORDS
    width = {"short": 0, "long": WORDS, "divided": WORDS_OF_A_SHORT_LINE}[kind]
    more = [" ".join(words[i : i + width]) for i in range(0, WORDS, width)] if width else []
    return [*texts[: SHORT // 2], *more, *texts[SHORT // 2 : SHORT]]


def model_of(name: str) -> LanguageModel:
    """One of MODELS, or whatever `load_model` takes."""
    if name == "gpt2_124m":
        return gpt2_124m()
    return tiny_llama(context=32_768) if name == "tiny_llama" else load_model(name, device="cpu")


@contextmanager
def counted() -> Iterator[list[tuple[int, int]]]:
    """Tokens that are run and used in each forward; no text here has the token 0."""
    forwards: list[tuple[int, int]] = []
    genuine = LanguageModel.embed

    def embed(model: LanguageModel, ids: torch.Tensor, *rest: Any) -> torch.Tensor:
        forwards.append((ids.numel(), int((ids != 0).sum())))
        return genuine(model, ids, *rest)

    with patch.object(LanguageModel, "embed", embed):
        yield forwards


def memory_mb(name: str) -> float:
    """Of this process, as the kernel counts it: VmRSS is what it holds, VmHWM the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))


def measure(name: str, kind: str) -> dict[str, float]:
    """Estimate the covariance of a block in the middle, after a first one that warms up."""
    torch.set_num_threads(1)
    model, documents = model_of(name), corpus(kind)
    layers, settings = [model.layers // 2], CovarianceSettings()
    estimate_covariances(model, layers, documents[:2], settings)
    Path("/proc/self/clear_refs").write_text("5")  # from here on VmHWM counts anew
    held, started = memory_mb("VmRSS"), time.process_time()
    with counted() as forwards:
        estimate_covariances(model, layers, documents, settings)
    return {
        "seconds": time.process_time() - started,
        "mb": memory_mb("VmHWM") - held,
        "forwards": len(forwards),
        "run": sum(run for run, _ in forwards),
        "used": sum(used for _, used in forwards),
        "beyond": max(run - 2 * used for run, used in forwards),
    }


def told(name: str, kind: str, code: Path) -> str:
    """Measure in a process whose greedy_core is the one in this folder; a line for the table."""
    command = [sys.executable, "-P", "-m", "benchmarks.long_document", "--measure", name, kind]
    path = os.pathsep.join((str(code), str(ROOT)))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True, text=True
    )
    return (
        "{seconds:8.2f} s {mb:7.0f} MB {forwards:4d} forwards {run:8d} tokens run {used:6d} used, "
        "run - 2 used at most {beyond}"
    ).format(**json.loads(done.stdout))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", help="a commit whose greedy_core is measured, too")
    parser.add_argument("--model", nargs="*", default=[], help="folders of more models")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    with tempfile.TemporaryDirectory() as earlier:
        codes = {"now": ROOT}
        if commit := arguments.before:
            archive = ["git", "-C", ROOT, "archive", commit, "greedy_core"]
            packed = subprocess.run(archive, check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "-C", earlier], input=packed, check=True)
            codes = {commit: Path(earlier), **codes}
        for name in (*MODELS, *arguments.model):
            for kind in CORPORA:
                for commit, code in codes.items():
                    line = f"{Path(name).name:16} {kind:8} {commit:8} {told(name, kind, code)}"
                    print(line, flush=True)


if __name__ == "__main__":
    main()
