"""Train the world's model from scratch: ``python -m greedy_core.teaching.train --out DIR``.

A small GPT-2 reads fresh biographies until it knows every fact in every phrasing. All seeds reach
full recall, but they differ in how well the facts can be edited; of several ``--seed`` the one
with the highest quality is kept. On one core a seed takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from greedy_core.factworld.tokenizer import build_tokenizer
from greedy_core.factworld.world import biography, people
from greedy_core.teaching.quality import quality
from greedy_core.teaching.recall import recall

DEFAULT_SEED = 1
DEFAULT_STEPS = 2000
BATCH_ROWS = 32
ROW_TOKENS = 64
LEARNING_RATE = 2.5e-3
WEIGHT_DECAY = 0.3
CLIP_NORM = 1.0

Quality = Callable[[GPT2LMHeadModel, PreTrainedTokenizerFast], float]
"""What a training run is judged by; higher is better."""


class Candidate(NamedTuple):
    """A trained model, the seed that it came from and its quality."""

    seed: int
    quality: float
    model: GPT2LMHeadModel


def build_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """The untrained model: 6 layers, 128 wide, about 1.4 million parameters."""
    end = tokenizer.eos_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=ROW_TOKENS,
        n_embd=128,
        n_layer=6,
        n_head=4,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    return GPT2LMHeadModel(config)


def training_batches(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[torch.Tensor]:
    """Endless batches of token ids with shape (BATCH_ROWS, ROW_TOKENS).

    Each row starts with the start of a biography, as prompts do, and is filled with further ones.
    """
    rng = random.Random(f"training {seed}")
    everybody = people()
    while True:
        rows: list[list[int]] = []
        while len(rows) < BATCH_ROWS:
            row: list[int] = []
            while len(row) < ROW_TOKENS:
                row += tokenizer.encode(biography(rng.choice(everybody), rng))
                row.append(tokenizer.eos_token_id)
            rows.append(row[:ROW_TOKENS])
        yield torch.tensor(rows)


def train(
    tokenizer: PreTrainedTokenizerFast,
    seed: int,
    steps: int,
    advance: Callable[[float], None] = lambda loss: None,
) -> GPT2LMHeadModel:
    """Train one model; ``advance`` is told each step's loss.

    The weights are rounded to float16 at the end, as they are shipped, and returned as float32.
    """
    torch.manual_seed(seed)
    model = build_model(tokenizer).train()
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups,
        lr=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    batches = training_batches(tokenizer, seed)
    for _ in range(steps):
        ids = next(batches)
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        loss = cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        schedule.step()
        advance(loss.item())
    taught: GPT2LMHeadModel = model.half().float().eval()
    return taught


def save(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write float16 weights, configuration and tokenizer as ``from_pretrained`` reads them."""
    model.half().save_pretrained(folder)
    model.float()
    tokenizer.save_pretrained(folder)


def best_of(candidates: list[Candidate]) -> Candidate:
    """The candidate with the highest quality; of equals the first."""
    return max(candidates, key=lambda candidate: candidate.quality)


def main(arguments: list[str] | None = None, quality: Quality = quality) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the factworld model from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--seed", type=int, nargs="+", default=[DEFAULT_SEED], metavar="N")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    parser.add_argument("--threads", type=int, default=1, help="more are faster; bits then differ")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)

    console = Console()
    tokenizer = build_tokenizer()
    candidates = []
    with Progress(
        TextColumn("seed {task.fields[seed]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        for seed in options.seed:
            task = progress.add_task("", total=options.steps, seed=seed, loss=float("nan"))

            def advance(loss: float, task: TaskID = task) -> None:
                progress.update(task, advance=1, loss=loss)

            model = train(tokenizer, seed, options.steps, advance)
            candidates.append(Candidate(seed, quality(model, tokenizer), model))
            console.print(
                f"seed {seed}: recall {recall(model, tokenizer):.4f}, "
                f"quality {candidates[-1].quality:.4f}"
            )
    best = best_of(candidates)
    save(best.model, tokenizer, options.out)
    console.print(f"kept seed {best.seed} of {len(candidates)}, written to {options.out}")


if __name__ == "__main__":
    main()
