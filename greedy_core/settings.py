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
    """Maximum number of gradient steps, as published code counts them; updates are one fewer."""
    lr: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Plan()] = None
    """Adam's learning rate."""
    clamp: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Plan()] = None
    """Maximum length of the update, as a multiple of the unedited value's norm."""
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
    """A UTF-8 text file with one document per line; None: the text of the dataset's own records."""
    tokens: Annotated[int, Ge(1), Le(MOST_TOKENS), Plan(searched=False)] = 100_000
    """Maximum number of corpus tokens to read."""
    ridge: Annotated[float | None, Ge(0), Le(MOST_NUMBER), Plan()] = None
    """Amount added to the diagonal, in units of its mean; None: 0.01 if tokens are few, otherwise
    0."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class GreedySettings:
    """How the greedy loop of a batch proposes steps and judges them."""

    steps: Annotated[int, Ge(1), Le(MOST_STEPS), Walk("rejections")] = 8
    """Maximum number of steps proposed; each adds 1/steps of the batch's update (at first, if
    step_rule is backtrack)."""
    min_improvement: Annotated[float, Interval(ge=0, le=1), Walk("probes")] = 0.0
    """Smallest absolute gain in the signal for which a step is kept (also known as min_delta)."""
    patience: Annotated[int, Ge(0), Le(MOST_COUNT), Walk("rejections")] = 2
    """Number of rejections in a row after which a batch ends (in total, if step_rule is repeat); 0:
    no limit."""
    max_probes: Annotated[int | None, Ge(1), Le(MOST_COUNT), Walk("probes")] = None
    """Maximum number of the batch's requests that are probed; None: all of them."""
    step_rule: Annotated[StepRule, Walk("rejections")] = "advance"
    """What follows a rejection: a longer step (advance), half the step (backtrack), or the same
    step again (repeat)."""
    signal: Annotated[Literal["margin", "success"], Walk("probes")] = "margin"
    """What probes measure: the smooth probability margin, or the share of successes."""
    accept_by: Annotated[AcceptBy, Walk()] = "probes"
    """What decides whether a step is kept: the probes, the trust gate alone (distance), or nothing
    (always)."""
    max_norm_ratio: Annotated[float | None, Gt(0), Lt(MOST_NUMBER), Walk()] = None
    """Maximum of a layer's ||edits||_F / ||W||_F; a step beyond it is rejected; None: no limit."""
    metric: Annotated[str | None, FUNCTION, Walk("probes")] = None
    """Function that replaces the built-in probes, as `module:function`; None: the built-in
    probes."""
    layers: Annotated[tuple[int, ...] | None, Rising(), Walk("rejections")] = None
    """Edited layers that have a greedy loop; the others take the whole update; None: all of
    them."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class TrustSettings:
    """The gate that judges a proposed step by its distances alone, before any probe."""

    enabled: Annotated[bool, Walk()] = False
    """Whether the trust gate judges steps."""
    threshold: Annotated[float, Interval(ge=0, le=1), Walk("gate")] = 0.05
    """Trust below which the gate acts; a sound update's trust is about f at fraction f."""
    action: Annotated[TrustAction, Walk("gate")] = "rollback"
    """What the gate does with a step: reject it (rollback), or propose a smaller one (scale)."""
    scale: Annotated[float, Interval(gt=0, lt=1), Walk("scaling gate")] = 0.5
    """Factor by which the gate shrinks the proposed fraction if trust.action is scale."""
    harm_scale: Annotated[float, Gt(0), Lt(MOST_NUMBER), Walk("gate")] = 1.0
    """Amount of harm at which trust is half of the gain."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class EditSettings:
    """Everything that decides what one edit run computes."""

    model: Annotated[str, NAMED, Task()] = "factworld"
    """factworld, a folder, or a name on the Hugging Face hub."""
    dataset: Annotated[str, NAMED, Task()] = "factworld"
    """factworld, or the path of a file in CounterFact's format."""
    edits: Annotated[int, Ge(1), Le(MOST_COUNT), Task()] = 20
    """Number of requests to edit: the facts that are written into the model."""
    confirm_records: Annotated[int | None, Ge(0), Le(MOST_COUNT), Task()] = None
    """Number of records reserved for confirmation; None: all that are left, up to 5 times edits."""
    batch_size: Annotated[int, Ge(1), Le(MOST_COUNT), Plan()] = 4
    """Number of requests that are solved together."""
    conflicts: Annotated[Conflicts, Task()] = "keep"
    """What happens to requests with the same prompt: all are edited (keep), only the dataset's last
    one is (last), or the plan is refused if they differ in target_new (refuse)."""
    layers: Annotated[tuple[int, ...] | None, Rising(), Plan()] = None
    """Layers to edit, in rising order; None: the model's published layers."""
    targets: Annotated[Targets, Plan()] = "base"
    """Where target values are optimized: on the unedited model (base, shared by all trials) or on
    the current one."""
    mu: Annotated[float | None, Ge(0), Le(MOST_NUMBER), Plan()] = None
    """Damping of the closed form: 0 writes the targets exactly, larger values protect other
    knowledge."""
    rank: Annotated[int | None, Ge(1), Le(MOST_COUNT), Plan()] = None
    """Maximum rank of each layer's factors; None: every edit is kept exactly."""
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
    """Data type of the model's weights in memory; factors and solves stay in float32 and
    float64."""
    device: Annotated[str, DEVICE, Task()] = "auto"
    """Device to compute on: cpu, cuda, cuda:N, or auto (cuda if there is one)."""
    threads: Annotated[int, Interval(ge=1, le=MOST_THREADS), Task()] = 1
    """Number of threads per computation; part of every stored key, since sums depend on it."""
    seed: Annotated[int, Ge(0), Le(LARGEST_INT), Task()] = 0
    """Seed for the order of the records and of the probes."""

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
