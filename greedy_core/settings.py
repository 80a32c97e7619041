"""The settings of one edit: what is written into the model, how the steps are judged.

Settings of the *plan* fix what the states of the model mean; those of the *walk* only choose which
of these states are visited. Settings that are None are filled in from the model's published
defaults (`greedy_core.inputs.model_presets`) before anything is computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Le, Lt

from greedy_core.declarations import Objective, Plan, Task, Walk, broken, settle
from greedy_core.errors import require
from greedy_core.ranges import NOT_EMPTY, Rising, Text, Weights
from greedy_core.typed_values import LARGEST_INT

StepRule = Literal["advance", "backtrack", "repeat"]
AcceptBy = Literal["probes", "distance", "always"]
TrustAction = Literal["rollback", "scale"]
Targets = Literal["base", "current"]
Conflicts = Literal["keep", "last", "refuse"]
Dtype = Literal["float32", "bfloat16", "float16"]
ThreeNumbers = tuple[float, float, float]

MOST_THREADS = 1024
"""More than any machine has; starting them all would already take minutes."""
MOST_NUMBER = 1e9
"""Far above any use of a weight, a damping or a rate, and far below where squares and sums of such
numbers leave float32, in which target values are optimized."""
MOST_COUNT = 1_000_000
"""More records than a file of records can hold, which has 128 MiB at most."""
MOST_TOKENS = 1_000_000_000
"""More than a corpus can have, which is a file of 128 MiB at most."""
MOST_STEPS = 256
"""Each step of a loop has a column of its own in the table of trials: with 256 a file of them takes
0.2 s and 90 kB, with 4,000 it would take 2 s and 1.4 MB."""
MOST_VALUE_STEPS = 10_000
"""400 times what is published; each is a forward for each group of requests."""

_LETTER = r"[^\x00-@\[-^`{-\x7f]"
_LETTERS = r"[^\x00-\-/:-@\[-^`{-\x7f]*"  # and digits and dots; beyond ASCII, of all scripts

FUNCTION = Text(
    re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*"),
    "must be of the form module:function",
    most=250,
    outline=f"{_LETTER}{_LETTERS}:{_LETTER}{_LETTERS}",
)
"""How a function of the user's is named."""
DEVICE = Text(re.compile(r"auto|cpu|cuda(:[0-9]+)?"), "must be auto, cpu, cuda or cuda:N")
NAMED = Text(NOT_EMPTY, "must be named")


@dataclass(frozen=True)
class ValuesSettings:
    """How a request's target value z* is optimized; None means the model's published default."""

    steps: Annotated[int | None, Ge(1), Le(MOST_VALUE_STEPS), Plan()] = None
    """Most gradient steps, as published code counts them; updates are one fewer."""
    lr: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Plan()] = None
    """Adam's learning rate."""
    clamp: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Plan()] = None
    """Longest update allowed, as a multiple of the norm of the unedited value."""
    weight_decay: Annotated[float | None, Ge(0), Le(MOST_NUMBER), Plan()] = None
    """Weight of the update's length in the loss."""
    kl: Annotated[float, Ge(0), Le(MOST_NUMBER), Plan()] = 0.0625
    """Weight of the divergence from the unedited model on "{subject} is a"."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class CovarianceSettings:
    """What the second moment of the keys is estimated from."""

    corpus: Annotated[str | None, Task()] = None
    """A UTF-8 text file, one document a line; None takes the text of the dataset's own records."""
    tokens: Annotated[int, Ge(1), Le(MOST_TOKENS), Plan(searched=False)] = 100_000
    """Corpus tokens to read at most."""
    ridge: Annotated[float | None, Ge(0), Le(MOST_NUMBER), Plan()] = None
    """Added to the diagonal, in units of its mean; None: 0.01 where tokens are few, else 0."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class GreedySettings:
    """How the greedy loop of a batch proposes steps and judges them."""

    steps: Annotated[int, Ge(1), Le(MOST_STEPS), Walk("rejections")] = 8
    """Most steps proposed; each adds 1/steps of the batch's update (under backtrack, at first)."""
    min_improvement: Annotated[float, Interval(ge=0, le=1), Walk("probes")] = 0.0
    """Smallest gain in the signal that keeps a step, absolute; elsewhere known as min_delta."""
    patience: Annotated[int, Ge(0), Le(MOST_COUNT), Walk("rejections")] = 2
    """Rejections in a row (under repeat: in all) after which the batch is done; 0: no limit."""
    max_probes: Annotated[int | None, Ge(1), Le(MOST_COUNT), Walk("probes")] = None
    """Requests of the batch that are probed; None probes them all."""
    step_rule: Annotated[StepRule, Walk("rejections")] = "advance"
    """After a rejection: look further along (advance), half the step (backtrack), or repeat it."""
    signal: Annotated[Literal["margin", "success"], Walk("probes")] = "margin"
    """What probes measure: the smooth probability margin, or the share of successes."""
    accept_by: Annotated[AcceptBy, Walk()] = "probes"
    """Who decides: the probes, the trust gate alone (distance), or nobody (always)."""
    max_norm_ratio: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Walk()] = None
    """A step is rejected if its layer's ||edits||_F / ||W||_F would exceed this; None: no limit."""
    metric: Annotated[str | None, FUNCTION, Walk("probes")] = None
    """A function `module:function` that replaces the built-in probes."""
    layers: Annotated[tuple[int, ...] | None, Rising(), Walk("rejections")] = None
    """Edited layers with a greedy loop; elsewhere the update is taken whole; None means all."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class TrustSettings:
    """The gate that judges a proposed step by its distances alone, before any probe."""

    enabled: Annotated[bool, Walk()] = False
    """Whether the trust gate judges steps."""
    threshold: Annotated[float, Interval(ge=0, le=1), Walk("gate")] = 0.05
    """Trust below which the gate acts, in [0, 1]; a sound update has about f at fraction f."""
    action: Annotated[TrustAction, Walk("gate")] = "rollback"
    """Reject the step (rollback), or propose a smaller one (scale)."""
    scale: Annotated[float, Interval(gt=0, lt=1), Walk("scaling gate")] = 0.5
    """If action is scale: the factor that the proposed fraction is multiplied by."""
    harm_scale: Annotated[float, Gt(0), Lt(MOST_NUMBER), Walk("gate")] = 1.0
    """Harm at which trust falls to half of the gain."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class EditSettings:
    """Everything that decides what one edit run computes."""

    model: Annotated[str, NAMED, Task()] = "factworld"
    """factworld, a folder, or a name on the Hugging Face hub."""
    dataset: Annotated[str, NAMED, Task()] = "factworld"
    """factworld, or the path of a CounterFact file."""
    edits: Annotated[int, Ge(1), Le(MOST_COUNT), Task()] = 20
    """Requests to edit: the facts that are written into the model."""
    confirm_records: Annotated[int | None, Ge(0), Le(MOST_COUNT), Task()] = None
    """Records reserved for confirmation; None: what is left, at most 5 x edits."""
    batch_size: Annotated[int, Ge(1), Le(MOST_COUNT), Plan()] = 4
    """Requests solved together."""
    conflicts: Annotated[Conflicts, Task()] = "keep"
    """Requests with the same prompt: edit all (keep), only the dataset's last (last), or refuse
    the plan if they differ in target_new (refuse)."""
    layers: Annotated[tuple[int, ...] | None, Rising(), Plan()] = None
    """Edited layers, from low to high."""
    targets: Annotated[Targets, Plan()] = "base"
    """Where target values are optimized: on the unedited model (base, shared by all trials) or on
    the current one."""
    mu: Annotated[float | None, Ge(0), Le(MOST_NUMBER), Plan()] = None
    """Damping of the closed form: 0 writes the targets exactly, more protects other knowledge."""
    rank: Annotated[int | None, Ge(1), Le(MOST_COUNT), Plan()] = None
    """Cap on the rank of each layer's factors; None keeps every edit exactly."""
    values: ValuesSettings = field(default_factory=ValuesSettings)
    """Target values."""
    covariance: CovarianceSettings = field(default_factory=CovarianceSettings)
    """Second moment of the keys."""
    greedy: GreedySettings = field(default_factory=GreedySettings)
    """The greedy loop."""
    trust: TrustSettings = field(default_factory=TrustSettings)
    """The trust gate."""
    composite_weights: Annotated[ThreeNumbers, Weights(MOST_NUMBER), Objective()] = (1.0, 1.0, 1.0)
    """Weights of ES, PS and NS in the composite."""
    dtype: Annotated[Dtype, Task()] = "float32"
    """Type of the model's weights in memory; factors and solves stay in float32 and float64."""
    device: Annotated[str, DEVICE, Task()] = "auto"
    """cpu, cuda, cuda:N, or auto: cuda where there is one."""
    threads: Annotated[int, Interval(ge=1, le=MOST_THREADS), Task()] = 1
    """Threads of one computation; part of every stored key, since sums depend on it."""
    seed: Annotated[int, Ge(0), Le(LARGEST_INT), Task()] = 0
    """Order of the records and of the probes."""

    def __post_init__(self) -> None:
        settle(self)
        greedy, layers = self.greedy, self.layers
        require(
            *broken(self),
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
        )

    @property
    def batches(self) -> int:
        """How many batches the edits make; the last one may be smaller."""
        return -(-self.edits // self.batch_size)
