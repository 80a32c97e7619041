"""Tensors as arrays and back, without copies where the memory allows it.

numpy has no bfloat16: such tensors travel as int16 with the same bits, and whoever reads them has
to say what their type is.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor


def to_array(tensor: Tensor) -> np.ndarray:
    """The tensor's values; shares memory with a contiguous tensor on the CPU."""
    tensor = tensor.detach().cpu().contiguous()
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def to_tensor(
    array: np.ndarray, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Tensor:
    """The array's values; on the CPU this is the array's own memory, also where it is read-only.

    Args:
        array: from `to_array`.
        device: where the tensor is wanted.
        dtype: the tensor's type, if the array's own type does not tell.
    """
    with warnings.catch_warnings():
        # Arrays from an object store are read-only, which torch cannot express and warns about.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensor = torch.from_numpy(array)
    return (tensor if dtype is None else tensor.view(dtype)).to(device)
