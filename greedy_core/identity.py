"""What every key begins with: the model and the machine, everything else that can change a bit."""

from __future__ import annotations

import platform
from pathlib import Path

import torch
import transformers

from greedy_core.store import artefact_key

NUMERICS_VERSION = 2
"""Raised whenever a change in this package changes a bit of any result."""


def machine_identity(device: torch.device, model_digest: str) -> str:
    """Digest of model and machine."""
    return artefact_key(
        "identity",
        model=model_digest,
        device=device.type,
        processor=_processor(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        numerics=NUMERICS_VERSION,
    )


def _processor(device: torch.device) -> str:
    """Model of the GPU or CPU; different ones may add up floats in a different order."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()} {torch.backends.cpu.get_cpu_capability()}"
    )
