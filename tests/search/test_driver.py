"""What a driver writes at the start and the end of its session; no trial runs here."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search import sweep as sweep_module
from search.errors import LockLost
from search.extension import Extension
from search.results.claim import LOCK
from search.results.parts import LocalFolder
from search.sweep import extend_sweep
from search.sweep_file import SweepFile, space_digest, versions
from search.watch import Watch
from tests.search.sweeps import small_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep that was stopped before its first trial."""
    config = small_config({}).self_contained()
    file = SweepFile(
        sweep_id="a1",
        name="sweep",
        started="2026-01-01",
        generation=0,
        generations={"0": "three trials"},
        versions=versions(),
        earlier_versions={},
        git_sha=None,
        digests={"space": space_digest(config)},
        config=config,
    )
    results = LocalFolder(tmp_path / "sweep")
    results.create()
    file.write(results)
    return results.path


def test_an_extension_whose_lock_goes_while_it_prepares_leaves_sweep_yaml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*given: object) -> Any:
        (folder / LOCK).unlink()
        return SimpleNamespace(digests={})

    monkeypatch.setattr(sweep_module, "ray_session", lambda *given: nullcontext())
    monkeypatch.setattr(sweep_module, "prepared", lost)
    before = (folder / "sweep.yaml").read_bytes()
    with pytest.raises(LockLost, match="was deleted"):
        extend_sweep(Extension(str(folder), 2), Watch())
    assert (folder / "sweep.yaml").read_bytes() == before
