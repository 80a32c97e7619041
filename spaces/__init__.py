"""Search spaces: Optuna distributions over dotted settings; impossible combinations are refused.

Nothing here proposes a setting, or knows what one has come to. Names are looked up at first use, so
that what needs no space, such as a message's text, does not import Optuna.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spaces.errors import DocumentError, SpaceError
    from spaces.presets import load_space, preset_names
    from spaces.space import SearchSpace, decode, encode

__all__ = [
    "DocumentError",
    "SearchSpace",
    "SpaceError",
    "decode",
    "encode",
    "load_space",
    "preset_names",
]

_HOME = {
    "DocumentError": "errors",
    "SearchSpace": "space",
    "SpaceError": "errors",
    "decode": "space",
    "encode": "space",
    "load_space": "presets",
    "preset_names": "presets",
}


if not TYPE_CHECKING:  # which would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
