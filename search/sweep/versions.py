"""What a sweep runs with: versions of packages, of its tables and its numbers, and of the code."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

from analysis.tables.schema import SCHEMA_VERSION
from greedy_core.numerics import NUMERICS_VERSION

COMPARED = ("ratchet-tune", "torch", "transformers", "tokenizers", "numpy", "optuna", "scipy")
"""Packages that a sweep's results or proposals depend on."""

VERSIONED = (*COMPARED, "safetensors", "ray", "pyarrow")
"""Packages whose versions a sweep records; the last ones carry values and do not change them."""

SCHEMA = "schema"
"""Under this name the version of the tables' columns stands among the others."""

NUMERICS = "numerics"
"""Under this name, that of what `greedy_core` computes; sweeps before 3 do not record it."""


def versions() -> dict[str, str]:
    """Versions of Python, of the tables' columns, and of packages."""
    own = {
        "python": platform.python_version(),
        SCHEMA: str(SCHEMA_VERSION),
        NUMERICS: str(NUMERICS_VERSION),
    }
    return own | {name: version(name) for name in VERSIONED}


def git_sha() -> str | None:
    """The commit of the working directory; None where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
