"""Search spaces: Optuna distributions over dotted settings; impossible combinations are refused."""

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
