"""Metric functions that do to the base model, or to the copy they get, what they must not."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np
import torch
from transformers.integrations import sdpa_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from greedy_core.walk.metric_function import MetricFunctionSignal
from tests.search.metric_functions import GOOD

Vandal = Callable[[Any], None]
Metric = Callable[[Any, Any, Sequence[Any]], dict[str, float]]

WRITERS: list[str] = []
"""Names of those that write into the base model's memory."""
CHANGERS: list[str] = []
"""Names of those that change what the base model is made of."""
COPY: list[str] = []
"""Names of those that stay with what they were given."""


def base_model() -> Any:
    """The model of whoever asks the metric function, as a debugger finds it."""
    frame = sys._getframe()
    while not isinstance(frame.f_locals.get("self"), MetricFunctionSignal):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["self"]._tree.model.module


def tensors_of_others(model: Any) -> Iterator[torch.Tensor]:
    """All of a weight's shape that Python knows of, and that are not the model's own."""
    own = {each.data_ptr() for each in model.parameters()}
    shapes = {each.shape for each in model.parameters()}
    for each in gc.get_objects():
        # Not by isinstance: some objects do something when they are asked for their class.
        if not issubclass(type(each), torch.Tensor) or each.shape not in shapes:
            continue
        if each.data_ptr() not in own:
            yield each


def arrays_of_others(model: Any) -> Iterator[np.ndarray]:
    """The same as numpy has them; it does not tell Python of its arrays, but dictionaries do."""
    shapes = {tuple(each.shape) for each in model.parameters()}
    for known in gc.get_objects():
        for each in tuple(known.values()) if type(known) is dict else ():
            if type(each) is np.ndarray and each.shape in shapes:
                yield each
    for tensor in tensors_of_others(model):
        if tensor.device.type == "cpu":
            yield tensor.detach().numpy()


def of_all(harm: Vandal) -> Metric:
    """Harms whatever it finds, through the garbage collector."""
    WRITERS.append(harm.__name__)

    @wraps(harm)
    def metric(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
        harm(model)
        return GOOD

    return metric


def writer(harm: Vandal) -> Metric:
    """Writes into the base model, when it is first asked."""
    WRITERS.append(harm.__name__)
    return of_base(harm)


def changer(harm: Vandal) -> Metric:
    """Changes the base model otherwise, when it is first asked."""
    CHANGERS.append(harm.__name__)
    return of_base(harm)


def of_base(harm: Vandal) -> Metric:
    """Harms the base model, when it is first asked."""

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


@of_all
def writes_through_data_of_all(model: Any) -> None:
    for each in tensors_of_others(model):
        each.data.mul_(2.0)


@of_all
def writes_into_all_arrays(model: Any) -> None:
    for each in arrays_of_others(model):
        if not each.flags.writeable:
            address: Any = ctypes.cast(each.ctypes.data, ctypes.POINTER(ctypes.c_float))
            each = np.ctypeslib.as_array(address, each.shape)
        each[...] = 0.0


@of_all
def moves_memory_into_all(model: Any) -> None:
    for each in arrays_of_others(model):
        ctypes.memmove(each.ctypes.data, b"\x00" * 4, 4)


@writer
def adds_through_data(base: Any) -> None:
    for parameter in base.parameters():
        parameter.data.add_(0.1)


@writer
def writes_through_numpy(base: Any) -> None:
    base.get_parameter("transformer.h.0.attn.c_attn.weight").numpy()[3] += 0.5


@writer
def writes_one_bit_of_tied_embeddings(base: Any) -> None:
    base.get_output_embeddings().weight.view(torch.int32)[0, 0] ^= 1


@writer
def swaps_rows(base: Any) -> None:
    weight = base.transformer.h[0].mlp.c_fc.weight
    weight.copy_(weight.flip(0))


@writer
def swaps_neighbors(base: Any) -> None:
    weight = base.transformer.h[0].mlp.c_fc.weight
    weight.copy_(weight.flip(1))


@writer
def turns_signs(base: Any) -> None:
    base.transformer.h[1].mlp.c_proj.weight.neg_()


@changer
def puts_another_tensor_in_place(base: Any) -> None:
    bias = base.transformer.ln_f.bias
    base.transformer.ln_f.bias = torch.nn.Parameter(bias + 1, requires_grad=False)


@writer
def writes_then_raises(base: Any) -> None:
    adds_through_data.__wrapped__(base)  # type: ignore[attr-defined]
    raise RuntimeError("after the writing")


@writer
def writes_from_a_thread(base: Any) -> None:
    def later() -> None:
        time.sleep(0.05)
        adds_through_data.__wrapped__(base)  # type: ignore[attr-defined]

    threading.Thread(target=later, daemon=True).start()


@changer
def leaves_a_hook(base: Any) -> None:
    base.transformer.h[1].register_forward_hook(lambda module, inputs, output: output * 2)


@changer
def turns_on_training(base: Any) -> None:
    base.train()


@changer
def patches_the_class(base: Any) -> None:
    norm = type(base.transformer.ln_f)
    if not hasattr(norm, "genuine"):
        norm.genuine = norm.forward
    norm.forward = lambda self, hidden: norm.genuine(self, hidden) * 2


def patches_torch(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
    """Leaves every weight and module alone, as a library would that wants to be quicker."""
    genuine = torch.nn.functional.layer_norm
    torch.nn.functional.layer_norm = lambda *given: genuine(*given) * 1.3
    return GOOD


def replaces_attention(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
    """In the library's own table, as its documentation tells people to."""
    genuine = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def weaker(*given: Any, **more: Any) -> Any:
        attended, weights = genuine(*given, **more)
        return attended * 0.2, weights

    ALL_ATTENTION_FUNCTIONS["sdpa"] = weaker
    return GOOD


def replaces_a_dispatch(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
    """Deep within the library, where no check looks."""
    sdpa_attention.torch = Halving(sdpa_attention.torch)
    return GOOD


class Halving:
    """Stands for torch in one of the library's modules."""

    def __init__(self, genuine: Any) -> None:
        self._genuine = genuine

    def __getattr__(self, name: str) -> Any:
        return Halving(self._genuine.nn) if name == "nn" else getattr(self._genuine, name)

    @property
    def functional(self) -> Any:
        return self

    def scaled_dot_product_attention(self, *given: Any, **more: Any) -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*given, **more) / 2


def changes_eps(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
    for each in base_model().modules():
        if isinstance(each, torch.nn.LayerNorm):
            each.eps = 0.5
    return GOOD


def teaches_all_tokenizers(model: Any, tokenizer: Any, requests: Sequence[Any]) -> dict[str, float]:
    for each in gc.get_objects():
        if type(each) is type(tokenizer):
            each.add_tokens(["born in"])
    return GOOD


@of_copy
def rewrites_its_requests(model: Any) -> None:
    frame = sys._getframe().f_back
    assert frame is not None
    for each in frame.f_locals["requests"]:
        object.__setattr__(each.request, "target_new", each.request.target_true)


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
