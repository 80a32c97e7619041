"""Processors that may add up floats in a different order have different names."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
import torch

from greedy_core.model import identity

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 85
model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz
flags\t\t: fpu vme

processor\t: 1
model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz
"""


def arm(*cores: tuple[str, str]) -> str:
    return "\n".join(
        f"processor\t: {n}\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: {variant}\nCPU part\t: {part}\nCPU revision\t: 1\n"
        for n, (part, variant) in enumerate(cores)
    )


BIG, LITTLE = ("0xd0c", "0x3"), ("0xd05", "0x1")


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (X86, "Intel(R) Xeon(R) Processor @ 2.60GHz"),
        (arm(BIG, BIG), "0x41 0xd0c 0x3"),
        (arm(("0xd40", "0x1")), "0x41 0xd40 0x1"),
        (arm(BIG, LITTLE, BIG), "0x41 0xd05 0x1 + 0x41 0xd0c 0x3"),
        (arm(LITTLE, BIG), "0x41 0xd05 0x1 + 0x41 0xd0c 0x3"),
        ("processor\t: 0\nhart\t: 2\n", platform.processor()),
    ],
)
def test_a_cpu_is_named_by_its_model_or_by_its_cores(
    cpuinfo: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(identity, "Path", lambda where: tmp_path / "cpuinfo")
    keyed: list[dict[str, Any]] = []
    monkeypatch.setattr(identity, "artefact_key", lambda kind, **parts: keyed.append(parts))
    identity.machine_identity(torch.device("cpu"), "0123")
    assert keyed[0]["processor"] == f"{name} {torch.backends.cpu.get_cpu_capability()}"
