"""How far a walk has come, as a checkpoint of Ray Tune's: nothing else has to be kept of it.

What a walk does follows from its settings, and what it has computed is in the store. So it is
walked again to where it was. If a scheduler gives a trial other settings together with another
trial's checkpoint, it walks with those settings as far as that other trial had come.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from search.config.settings import EDIT_KEYS, SweepConfig

_FILE = "walk.json"


@dataclass(frozen=True)
class WalkMark:
    """A place in a walk."""

    settings: str = ""
    """What was walked, as JSON; nothing if no step was made."""
    edits: int = 0
    """Edits done there."""
    steps: int = 0
    """Steps done there."""

    @classmethod
    def read(cls, folder: str) -> WalkMark:
        """The mark that `write` left in a folder."""
        return cls(**json.loads((Path(folder) / _FILE).read_text(encoding="utf-8")))

    def write(self, folder: str) -> None:
        """Leave the mark in a folder."""
        (Path(folder) / _FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")


def settings_text(config: SweepConfig) -> str:
    """All that a walk follows from, as a text that is the same for equal settings."""
    flat = config.flat()
    return json.dumps({key: flat[key] for key in sorted(EDIT_KEYS)}, default=str)
