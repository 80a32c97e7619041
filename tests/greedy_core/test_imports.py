"""Input is checked before anything heavy starts."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "inputs.edit_inputs",
        "settings",
        "inputs.counterfact",
        "inputs.selection",
        "walk.step_rules",
    ],
)
def test_checking_input_imports_neither_torch_nor_transformers(name: str) -> None:
    script = (
        f"import sys, greedy_core.{name}; "
        "print([m for m in ('torch', 'transformers', 'ray', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
