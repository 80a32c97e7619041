"""What every key begins with: the model and the machine, everything else that can change a bit."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import torch

from greedy_core.numerics import NUMERICS_VERSION
from greedy_core.store.artefacts import artefact_key

_ARM = ("CPU implementer", "CPU part", "CPU variant")
"""Together they tell one Arm core from another; a chip may have several kinds of them."""


def machine_identity(device: torch.device, model_digest: str) -> str:
    """Digest of model and machine."""
    return artefact_key(
        "identity",
        model=model_digest,
        device=device.type,
        processor=_processor(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        transformers=version("transformers"),
        numerics=NUMERICS_VERSION,
    )


def _processor(device: torch.device) -> str:
    """Model of the GPU or CPU; different ones may add up floats in a different order."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    name = _cpu_name(cpuinfo.read_text()) if cpuinfo.exists() else ""
    return f"{name or platform.processor()} {torch.backends.cpu.get_cpu_capability()}"


def _cpu_name(cpuinfo: str) -> str:
    """What /proc/cpuinfo calls the CPU; on Arm, where it has no name, the numbers of its cores."""
    values: dict[str, list[str]] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        values.setdefault(key.strip(), []).append(value.strip())
    if "model name" in values:
        return values["model name"][0]
    cores = zip(*(values.get(key, []) for key in _ARM), strict=False)
    return " + ".join(" ".join(core) for core in sorted({*cores}))
