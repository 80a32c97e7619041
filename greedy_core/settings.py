"""The settings of one edit: what is written into the model, how the steps are judged.

Two kinds stand side by side. The *plan* (model, dataset, edits, batch_size, layers, targets, mu,
rank, values, covariance) fixes what the states of the model mean; the *walk* (greedy, trust) only
chooses which of those states are visited. Settings that are None are filled in from the model's
published defaults (`greedy_core.inputs.model_presets`) before anything is computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from greedy_core.errors import require

StepRule = Literal["advance", "backtrack", "repeat"]
Signal = Literal["margin", "success"]
AcceptBy = Literal["probes", "distance", "always"]
TrustAction = Literal["rollback", "scale"]
Targets = Literal["base", "current"]
Conflicts = Literal["keep", "last", "refuse"]
Dtype = Literal["float32", "bfloat16", "float16"]

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""How a function of the user's is named."""
MOST_THREADS = 1024
"""More than any machine has; starting them all would already take minutes."""
MOST_NUMBER = 1e9
"""Far above any use of a weight, a damping or a rate, and far below where squares and sums of such
numbers leave float32, in which target values are optimized."""
MOST_COUNT = 1_000_000
"""More records than a file of records can hold, which has 128 MiB at most."""
MOST_STEPS = 256
"""Each step of a loop has a column of its own in the table of trials: with 256 a file of them takes
0.2 s and 90 kB, with 4,000 it would take 2 s and 1.4 MB."""
MOST_VALUE_STEPS = 10_000
"""400 times what is published; each is a forward for each group of requests."""
MOST_NAME = 250
"""Longest name of a metric function."""


@dataclass(frozen=True)
class ValuesSettings:
    """How a request's target value z* is optimized; None means the model's published default."""

    steps: int | None = None
    """Gradient steps at most; one forward each, one update fewer."""
    lr: float | None = None
    """Adam's learning rate."""
    clamp: float | None = None
    """Longest update allowed, as a multiple of the norm of the unedited value."""
    weight_decay: float | None = None
    """Weight of the update's length in the loss."""
    kl: float = 0.0625
    """Weight of the divergence from the unedited model on "{subject} is a"."""

    def __post_init__(self) -> None:
        require(
            (
                self.steps is None or self.steps >= 1,
                f"`steps >= 1` must hold, but got (steps={self.steps})",
            ),
            (self.lr is None or self.lr > 0, f"`lr > 0` must hold, but got (lr={self.lr})"),
            (
                self.clamp is None or self.clamp > 0,
                f"`clamp > 0` must hold, but got (clamp={self.clamp})",
            ),
            (
                self.weight_decay is None or self.weight_decay >= 0,
                f"`weight_decay >= 0` must hold, but got (weight_decay={self.weight_decay})",
            ),
            (self.kl >= 0, f"`kl >= 0` must hold, but got (kl={self.kl})"),
            *_at_most(MOST_VALUE_STEPS, steps=self.steps),
            *_below(MOST_NUMBER, lr=self.lr, clamp=self.clamp),
            *_at_most(MOST_NUMBER, weight_decay=self.weight_decay, kl=self.kl),
        )


@dataclass(frozen=True)
class CovarianceSettings:
    """What the second moment of the keys is estimated from."""

    corpus: str | None = None
    """A UTF-8 text file, one document a line; None takes the text of the dataset's own records."""
    tokens: int = 100_000
    """Corpus tokens to read at most."""
    ridge: float | None = None
    """Added to the diagonal, in units of its mean; None: 0.01 where tokens are few, else 0."""

    def __post_init__(self) -> None:
        require(
            (self.tokens >= 1, f"`tokens >= 1` must hold, but got (tokens={self.tokens})"),
            (
                self.ridge is None or self.ridge >= 0,
                f"`ridge >= 0` must hold, but got (ridge={self.ridge})",
            ),
            *_at_most(MOST_NUMBER, ridge=self.ridge),
        )


@dataclass(frozen=True)
class GreedySettings:
    """How the greedy loop of a batch proposes steps and judges them."""

    steps: int = 8
    """Steps proposed at most; each adds 1/steps of the batch's update (backtrack: at first)."""
    min_improvement: float = 0.0
    """Smallest gain in the signal that keeps a step, absolute; elsewhere known as min_delta."""
    patience: int = 2
    """Rejections in a row (under repeat: in all) after which the batch is done; 0: no limit."""
    max_probes: int | None = None
    """Requests of the batch that are probed; None probes them all."""
    step_rule: StepRule = "advance"
    """After a rejection: look further along (advance), half the step (backtrack), or repeat it."""
    signal: Signal = "margin"
    """What probes measure: the smooth probability margin, or the share of successes."""
    accept_by: AcceptBy = "probes"
    """Who decides: the probes, the trust gate alone (distance), or nobody (always)."""
    max_norm_ratio: float | None = None
    """A step is rejected above this ||edits||_F / ||W||_F of its layer; None sets no limit."""
    metric: str | None = None
    """A function `module:function` that replaces the built-in probes."""
    layers: tuple[int, ...] | None = None
    """Edited layers with a greedy loop; elsewhere the update is taken whole; None means all."""

    def __post_init__(self) -> None:
        require(
            (self.steps >= 1, f"`steps >= 1` must hold, but got (steps={self.steps})"),
            (
                0 <= self.min_improvement <= 1,
                "`0 <= min_improvement <= 1` must hold, but got "
                f"(min_improvement={self.min_improvement})",
            ),
            (self.patience >= 0, f"`patience >= 0` must hold, but got (patience={self.patience})"),
            (
                self.max_probes is None or self.max_probes >= 1,
                f"`max_probes >= 1` must hold, but got (max_probes={self.max_probes})",
            ),
            (
                self.max_norm_ratio is None or self.max_norm_ratio > 0,
                f"`max_norm_ratio > 0` must hold, but got (max_norm_ratio={self.max_norm_ratio})",
            ),
            (
                self.metric is None or FUNCTION.fullmatch(self.metric) is not None,
                f"metric must be of the form module:function, but got (metric={self.metric!r})",
            ),
            (
                self.layers is None or _rising(self.layers),
                f"layers must rise from 0 or above without repeats, but got (layers={self.layers})",
            ),
            (
                self.metric is None or len(self.metric) <= MOST_NAME,
                f"metric must have {MOST_NAME} characters at most, "
                f"but got {len(self.metric or '')}",
            ),
            *_at_most(MOST_STEPS, steps=self.steps),
            *_at_most(MOST_COUNT, patience=self.patience),
            *_below(MOST_NUMBER, max_norm_ratio=self.max_norm_ratio),
        )


@dataclass(frozen=True)
class TrustSettings:
    """The gate that judges a proposed step by its distances alone, before any probe."""

    enabled: bool = False
    """Whether the gate is asked."""
    threshold: float = 0.05
    """Trust below which the gate acts, in [0, 1]; a sound update has about f at fraction f."""
    action: TrustAction = "rollback"
    """Reject the step (rollback), or propose a smaller one (scale)."""
    scale: float = 0.5
    """With scale: the share of the proposed fraction that is proposed instead."""
    harm_scale: float = 1.0
    """Harm at which trust falls to half of the gain."""

    def __post_init__(self) -> None:
        require(
            (
                0 <= self.threshold <= 1,
                f"`0 <= threshold <= 1` must hold, but got (threshold={self.threshold})",
            ),
            (0 < self.scale < 1, f"`0 < scale < 1` must hold, but got (scale={self.scale})"),
            (
                self.harm_scale > 0,
                f"`harm_scale > 0` must hold, but got (harm_scale={self.harm_scale})",
            ),
            *_below(MOST_NUMBER, harm_scale=self.harm_scale),
        )


@dataclass(frozen=True)
class EditSettings:
    """Everything that decides what one edit run computes."""

    model: str = "factworld"
    """factworld, a folder, or a name on the Hugging Face hub."""
    dataset: str = "factworld"
    """factworld, or the path of a CounterFact file."""
    edits: int = 20
    """Requests to edit."""
    confirm_records: int | None = None
    """Records reserved for confirmation; None: what is left, at most 5 x edits."""
    batch_size: int = 4
    """Requests solved together."""
    conflicts: Conflicts = "keep"
    """Of requests with one prompt: edit all (keep), use the dataset's last, or refuse if they
    differ in target_new."""
    layers: tuple[int, ...] | None = None
    """Edited layers, from low to high."""
    targets: Targets = "base"
    """Optimize target values on the unedited model (base, shared by all trials) or the current."""
    mu: float | None = None
    """Damping of the closed form: 0 writes the targets exactly, more protects other knowledge."""
    rank: int | None = None
    """Cap on the rank of each layer's factors; None keeps every edit exactly."""
    values: ValuesSettings = field(default_factory=ValuesSettings)
    """Target values."""
    covariance: CovarianceSettings = field(default_factory=CovarianceSettings)
    """Second moment of the keys."""
    greedy: GreedySettings = field(default_factory=GreedySettings)
    """The greedy loop."""
    trust: TrustSettings = field(default_factory=TrustSettings)
    """The trust gate."""
    composite_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Weights of ES, PS and NS in the composite."""
    dtype: Dtype = "float32"
    """Type of the model's weights in memory; factors and solves stay in float32 and float64."""
    device: str = "auto"
    """cpu, cuda, cuda:N, or auto: cuda where there is one."""
    threads: int = 1
    """Threads of one computation; part of every stored key, since sums depend on it."""
    seed: int = 0
    """Order of the records and of the probes."""

    def __post_init__(self) -> None:
        greedy, layers = self.greedy, self.layers
        require(
            (self.edits >= 1, f"`edits >= 1` must hold, but got (edits={self.edits})"),
            (
                self.confirm_records is None or self.confirm_records >= 0,
                "`confirm_records >= 0` must hold, but got "
                f"(confirm_records={self.confirm_records})",
            ),
            (
                self.batch_size >= 1,
                f"`batch_size >= 1` must hold, but got (batch_size={self.batch_size})",
            ),
            (
                layers is None or _rising(layers),
                f"layers must rise from 0 or above without repeats, but got (layers={layers})",
            ),
            (self.mu is None or self.mu >= 0, f"`mu >= 0` must hold, but got (mu={self.mu})"),
            (
                self.rank is None or self.rank >= 1,
                f"`rank >= 1` must hold, but got (rank={self.rank})",
            ),
            (
                greedy.max_probes is None or greedy.max_probes <= self.batch_size,
                "`greedy.max_probes <= batch_size` must hold, but got "
                f"(greedy.max_probes={greedy.max_probes}, batch_size={self.batch_size})",
            ),
            (
                greedy.layers is None or layers is None or set(greedy.layers) <= set(layers),
                "greedy.layers must be among layers, but got "
                f"(greedy.layers={greedy.layers}, layers={layers})",
            ),
            (
                greedy.accept_by != "distance" or self.trust.enabled,
                "`trust.enabled` must hold where greedy.accept_by is distance: "
                "the trust gate is what decides",
            ),
            (
                greedy.accept_by != "always" or not self.trust.enabled,
                "`trust.enabled` must not hold where greedy.accept_by is always: "
                "every step is taken",
            ),
            (
                all(0 <= weight <= MOST_NUMBER for weight in self.composite_weights)
                and any(self.composite_weights),
                f"composite_weights must be from 0 to {MOST_NUMBER:g}, and not all 0, "
                f"but got (composite_weights={self.composite_weights})",
            ),
            (
                re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device) is not None,
                f"device must be auto, cpu, cuda or cuda:N, but got (device={self.device!r})",
            ),
            (self.model != "", "model must be named, but got (model='')"),
            (self.dataset != "", "dataset must be named, but got (dataset='')"),
            (self.seed >= 0, f"`seed >= 0` must hold, but got (seed={self.seed})"),
            (
                1 <= self.threads <= MOST_THREADS,
                f"`1 <= threads <= {MOST_THREADS}` must hold, but got (threads={self.threads})",
            ),
            *_at_most(
                MOST_COUNT,
                edits=self.edits,
                confirm_records=self.confirm_records,
                batch_size=self.batch_size,
                rank=self.rank,
            ),
            *_at_most(MOST_NUMBER, mu=self.mu),
        )

    @property
    def batches(self) -> int:
        """How many batches the edits make; the last one may be smaller."""
        return -(-self.edits // self.batch_size)


def _at_most(most: float, **values: float | None) -> list[tuple[bool, str]]:
    """Conditions for `require`: no value is above `most`."""
    return [
        (
            value is None or not value > most,
            f"`{name} <= {most}` must hold, but got ({name}={value})",
        )
        for name, value in values.items()
    ]


def _below(most: float, **values: float | None) -> list[tuple[bool, str]]:
    """The same, where `most` itself is too much."""
    return [
        (
            value is None or not value >= most,
            f"`{name} < {most}` must hold, but got ({name}={value})",
        )
        for name, value in values.items()
    ]


def _rising(layers: tuple[int, ...]) -> bool:
    """Whether there are layers, each above the one before, from 0 on."""
    return bool(layers) and layers[0] >= 0 and list(layers) == sorted(set(layers))
