"""What can go wrong in an edit, as one tree.

RatchetError
├── InputError              something that the user handed over is wrong; carries every fault found
│   ├── SettingsError       a setting, or a combination of settings (also a ValueError)
│   ├── RecordsError        a file of records
│   ├── CorpusError         the text that the covariance is estimated from
│   ├── ModelError          a model that is missing, broken, or of a family that is not supported
│   └── MetricError         a metric function that is not found, raises, or returns the wrong thing
├── NumericalError          a linear system that cannot be solved as it stands
├── TooManySolves           walks of a space that reach more states than they may
└── BaseModelChanged        somebody wrote into the weights that all trials share
"""

from __future__ import annotations

from collections.abc import Sequence


class RatchetError(Exception):
    """Every error that this project raises on purpose."""


class InputError(RatchetError):
    """Something that the user handed over is wrong; `faults` has one line for each thing found."""

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[str, ...]]]:
        return type(self), (self.faults,)


class SettingsError(InputError, ValueError):
    """A setting, or a combination of settings, breaks a condition."""


class RecordsError(InputError):
    """A file of records does not have the layout it should have."""


class CorpusError(InputError):
    """The covariance's corpus is missing, unreadable, or empty."""


class ModelError(InputError):
    """A model is missing, broken, or of a family that is not supported."""


class MetricError(InputError):
    """A metric function cannot be found, raised, or did not return four numbers as it should."""


class NumericalError(RatchetError):
    """A linear system cannot be solved as it stands; the message says what that usually means."""


class TooManySolves(RatchetError):
    """All walks of a space reach more states than they may.

    Args:
        most_solves: the limit.
        solves: counts of the updates to solve, batch by batch and layer by layer; the last one
            passes the limit, and nothing of it was computed.
        batches_done: batches that all walks have done.
        batches: batches of the plan.
    """

    def __init__(
        self, most_solves: int, solves: Sequence[int], batches_done: int, batches: int
    ) -> None:
        self.most_solves = most_solves
        self.solves = tuple(solves)
        self.batches_done = batches_done
        self.batches = batches
        super().__init__(
            "`solves <= most_solves` must hold, but got "
            f"(solves={sum(solves)}, most_solves={most_solves}): after {batches_done} of {batches} "
            f"batches, walks are in {solves[-1]} states, and each needs a solve of its own"
        )

    def __reduce__(self) -> tuple[type[TooManySolves], tuple[object, ...]]:
        return type(self), (self.most_solves, self.solves, self.batches_done, self.batches)


class BaseModelChanged(RatchetError):
    """The base model differs from the one that was loaded; no later result is valid."""

    @classmethod
    def weights(cls) -> BaseModelChanged:
        """Somebody wrote into its weights."""
        return cls(
            "the base model's weights were changed in memory; results after that are not valid. "
            "Usual causes: a metric function or callback that writes into a model it did not copy"
        )

    @classmethod
    def modules(cls) -> BaseModelChanged:
        """Somebody changed its modules: hooks, training mode, or code."""
        return cls(
            "the base model's modules were changed in memory (hooks, training mode, or code); "
            "results after that are not valid. Usual causes: a metric function or callback that "
            "changes a model it did not copy, or the class of it"
        )

    @classmethod
    def operators(cls, names: Sequence[str]) -> BaseModelChanged:
        """Somebody replaced functions that the model calls.

        Args:
            names: of these functions.
        """
        return cls(
            f"functions that every model calls were replaced in this process: "
            f"{_enumerated(names)}; results after that are not valid. Usual causes: a "
            "metric function, or a library that it imports, that patches torch"
        )

    @classmethod
    def attributes(cls, names: Sequence[str]) -> BaseModelChanged:
        """Somebody changed attributes of the model's modules.

        Args:
            names: of these attributes.
        """
        return cls(
            f"attributes of the base model's modules were changed in memory: "
            f"{_enumerated(names)}; results after that are not valid. Usual causes: a "
            "metric function or callback that changes a model it did not copy"
        )

    @classmethod
    def answers(cls) -> BaseModelChanged:
        """It answers differently, for whatever reason."""
        return cls(
            "the base model answers differently than when it was loaded, although its weights are "
            "the same; results after that are not valid. Usual causes: a metric function, or a "
            "library that it imports, that replaces attention or activation functions"
        )


def _enumerated(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def require(*conditions: tuple[bool, str]) -> None:
    """Raise one `SettingsError` with the text of every condition that does not hold."""
    faults = [text for holds, text in conditions if not holds]
    if faults:
        raise SettingsError(faults)
