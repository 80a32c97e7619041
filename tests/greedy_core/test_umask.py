"""The umask is read, not set."""

from __future__ import annotations

import os

import pytest

from greedy_core import umask as module


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_it_is_what_the_process_has(mask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(mask)
    try:
        assert module.umask() == mask
        monkeypatch.setattr(module, "_LINE", module.re.compile("no such line"))
        assert module.umask() == mask, "where the system does not tell"
    finally:
        assert os.umask(before) == mask
