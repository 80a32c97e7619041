"""Whether a model answers as it did: its modules' attributes, and some tokens run through it.

What a model calls can be replaced in more places than can be looked at: tables of attention and
activation functions, attributes such as a normalization's eps, a library's own dispatch. All of it
shows in what the model says.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from greedy_core.errors import BaseModelChanged
from greedy_core.model.language_model import LanguageModel

TOKENS = 6
"""Tokens of the one row that is run."""
TEXT = "Élise, born in 1976, lives in Zürich."
"""The text that the tokenizer is given."""

OUR_HOOKS = tuple(f"{__package__}.{name}" for name in ("lora", "language_model"))
"""Modules whose hooks come and go while values are computed."""

_PLAIN = (bool, int, float, str, tuple, type(None))
_TOLERANCE = {torch.float32: 1e-3}
"""How far log-probabilities may differ, by the type of the weights. Sealing moves weights, and with
another alignment a library may add up in another order. A changed model differs by far more."""
_COARSE = 5e-2
"""The same for types with fewer digits."""


_ran = [False]
"""Whether other people's code has been called in this process."""


def others_code_runs() -> None:
    """Note that other people's code is about to be imported or called, and may leave anything."""
    _ran[0] = True


class AnswerCheck:
    """Checks that a model answers a fixed text and row of tokens as it did when this was made.

    A check costs a forward of six tokens, and nothing as long as no other people's code has been
    called, since ours patches nothing.

    Args:
        model: unedited.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._threads = torch.get_num_threads()
        self._attributes = _attributes(model.module)
        self._ids = self._tokenized()
        self._answer = self._answered()

    def require_unchanged(self) -> None:
        """Compare.

        Raises:
            BaseModelChanged: if something differs.
        """
        if not _ran[0]:
            return
        now = _attributes(self._model.module)
        names = [name for name, value in self._attributes.items() if now.get(name) != value]
        if names:
            raise BaseModelChanged.attributes(names)
        if self._tokenized() != self._ids or not self._agrees(self._answered()):
            raise BaseModelChanged.answers()

    def _agrees(self, answer: Tensor) -> bool:
        dtype = self._model.projection_weight(0).dtype
        tolerance = _TOLERANCE.get(dtype, _COARSE)
        return torch.allclose(answer, self._answer, rtol=tolerance, atol=tolerance)

    def _tokenized(self) -> list[int]:
        return list(self._model.tokenizer(TEXT)["input_ids"])

    def _answered(self) -> Tensor:
        """Log-probabilities ``(v,)`` after the row, without what our own hooks add."""
        model = self._model
        ids = torch.arange(TOKENS, device=model.device) * 7 % model.vocabulary
        with torch.no_grad(), _threads(self._threads), _without_our_hooks(model.module):
            hidden = model.run(model.embed(ids.unsqueeze(0)), 0, model.layers)
            return model.log_probabilities(hidden[0, -1])


def _attributes(module: nn.Module) -> dict[str, Any]:
    """The plain attributes of all modules, such as eps, by their dotted names."""
    return {
        f"{name}.{attribute}": value
        for name, each in module.named_modules()
        for attribute, value in vars(each).items()
        if isinstance(value, _PLAIN) and attribute != "training"
    }


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Inside, torch has this many threads, because sums depend on how many share them."""
    before = torch.get_num_threads()
    if before == number:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_our_hooks(module: nn.Module) -> Iterator[None]:
    """Inside, our own hooks are off: the model may be checked while an edit is in force."""
    kept = [(each, each._forward_pre_hooks, each._forward_hooks) for each in module.modules()]
    for each, before, after in kept:
        if before or after:
            each._forward_pre_hooks = _foreign(before)
            each._forward_hooks = _foreign(after)
    try:
        yield
    finally:
        for each, before, after in kept:
            each._forward_pre_hooks, each._forward_hooks = before, after


def _foreign(hooks: Mapping[int, Any]) -> OrderedDict[int, Any]:
    return OrderedDict(
        (number, hook)
        for number, hook in hooks.items()
        if getattr(hook, "__module__", None) not in OUR_HOOKS
    )
