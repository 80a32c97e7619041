"""Tensors as arrays and back, without copies where the memory allows it."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor


def to_array(tensor: Tensor) -> np.ndarray:
    """The tensor's values; shares memory with a contiguous tensor on the CPU."""
    return tensor.detach().cpu().contiguous().numpy()


def to_tensor(array: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """The array's values; on the CPU this is the array's own memory, also where it is read-only."""
    with warnings.catch_warnings():
        # Arrays from an object store are read-only, which torch cannot express and warns about.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)
