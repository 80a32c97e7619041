"""Metric functions that do to the base model, or to the copy they get, what they must not."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch

from greedy_core.metric_function import MetricFunctionSignal
from tests.search.metric_functions import GOOD

Vandal = Callable[[Any], None]
Metric = Callable[[Any, Any, Sequence[Any]], dict[str, float]]

BASE: list[str] = []
"""Names of those that get at the base model."""
COPY: list[str] = []
"""Names of those that stay with what they were given."""


def base_model() -> Any:
    """The model of whoever asks the metric function, as a debugger finds it."""
    frame = sys._getframe()
    while not isinstance(frame.f_locals.get("self"), MetricFunctionSignal):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["self"]._tree.model.module


def of_base(harm: Vandal) -> Metric:
    """Harms the base model, when it is first asked."""
    BASE.append(harm.__name__)

    @wraps(harm)
    def metric(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
        base = base_model()
        if not hasattr(base, "harmed"):
            base.harmed = True
            harm(base)
        return GOOD

    return metric


def of_copy(harm: Vandal) -> Metric:
    """Harms the model that it is given, each time."""
    COPY.append(harm.__name__)

    @wraps(harm)
    def metric(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
        harm(model)
        return GOOD

    return metric


@of_base
def adds_through_data(base: Any) -> None:
    for parameter in base.parameters():
        parameter.data.add_(0.1)


@of_base
def writes_through_numpy(base: Any) -> None:
    base.get_parameter("transformer.h.0.attn.c_attn.weight").numpy()[3] += 0.5


@of_base
def writes_one_bit_of_tied_embeddings(base: Any) -> None:
    base.get_output_embeddings().weight.view(torch.int32)[0, 0] ^= 1


@of_base
def swaps_rows(base: Any) -> None:
    weight = base.transformer.h[0].mlp.c_fc.weight
    weight.copy_(weight.flip(0))


@of_base
def swaps_neighbors(base: Any) -> None:
    weight = base.transformer.h[0].mlp.c_fc.weight
    weight.copy_(weight.flip(1))


@of_base
def turns_signs(base: Any) -> None:
    base.transformer.h[1].mlp.c_proj.weight.neg_()


@of_base
def puts_another_tensor_in_place(base: Any) -> None:
    bias = base.transformer.ln_f.bias
    base.transformer.ln_f.bias = torch.nn.Parameter(bias + 1, requires_grad=False)


@of_base
def writes_then_raises(base: Any) -> None:
    adds_through_data.__wrapped__(base)  # type: ignore[attr-defined]
    raise RuntimeError("after the writing")


@of_base
def writes_from_a_thread(base: Any) -> None:
    def later() -> None:
        time.sleep(0.05)
        adds_through_data.__wrapped__(base)  # type: ignore[attr-defined]

    threading.Thread(target=later, daemon=True).start()


@of_base
def leaves_a_hook(base: Any) -> None:
    base.transformer.h[1].register_forward_hook(lambda module, inputs, output: output * 2)


@of_base
def turns_on_training(base: Any) -> None:
    base.train()


@of_base
def patches_the_class(base: Any) -> None:
    norm = type(base.transformer.ln_f)
    if not hasattr(norm, "genuine"):
        norm.genuine = norm.forward
    norm.forward = lambda self, hidden: norm.genuine(self, hidden) * 2


@of_copy
def adds_to_its_copy(model: Any) -> None:
    for parameter in model.parameters():
        parameter.data.add_(0.1)
    for buffer in model.buffers():
        buffer.add_(1)
    model.get_parameter("transformer.h.0.mlp.c_proj.weight").numpy()[:] = 0


@of_copy
def rebuilds_its_copy(model: Any) -> None:
    model.transformer.h[0] = torch.nn.Identity()
    model.transformer.h[1].register_forward_hook(lambda module, inputs, output: output * 2)
    model.half().train().requires_grad_(True)
    del model.lm_head


_kept: list[Any] = []
"""Models of earlier calls."""


@of_copy
def writes_into_copies_of_earlier_calls(model: Any) -> None:
    _kept.append(model)
    for each in _kept:
        for parameter in each.parameters():
            parameter.data.zero_()


@of_copy
def sets_torch_up_otherwise(model: Any) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("medium")
    torch.set_flush_denormal(True)
    torch.set_autocast_enabled("cpu", True)
    torch.backends.mkldnn.set_flags(False)
    torch.backends.cuda.enable_flash_sdp(False)
    torch.set_default_device("meta")
