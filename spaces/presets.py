"""Search spaces by name, from a file, or as a mapping that changes a preset.

    core                                      a preset
    my_space.yaml                             a file; relative to the working directory
    {preset: core, greedy.steps: {int: [2, 4]}, greedy.patience: null}
                                              a preset with one setting redefined, one left out

A file may name a preset, too, and `preset:` a file. `name:` names the space, `fixed:` holds values
for all trials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greedy_core.typed_values import shown
from spaces.conditions import Fault, Possibilities, faults_of
from spaces.definitions import is_definition
from spaces.document import Document, flatten, nearest, parse_document, read_document
from spaces.errors import SpaceError
from spaces.parameters import PARAMETERS, fault_of
from spaces.space import EMPTY, SearchSpace, raise_if_any, read_definitions, structure_faults
from spaces.values import inert

FOLDER = Path(__file__).with_name("presets")


@dataclass
class _Draft:
    """A space as it was written, before anything but its outline is checked."""

    name: str = ""
    definitions: dict[str, object] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def preset_names() -> tuple[str, ...]:
    """The presets that ship with this package."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def load_space(
    spec: str | Mapping[str, object],
    config: Mapping[str, object],
    locate: Callable[[str], str] = str,
) -> SearchSpace:
    """The search space that `spec` describes, checked against the configuration.

    Args:
        spec: A preset's name, the path of a .yaml file, or a mapping.
        config: All settings, flat: dotted key -> value. Names in definitions refer to it.
        locate: The path that the text of a file's name stands for, or ValueError.

    Raises:
        SpaceError: The description or the space is wrong; all faults together, each with its place.
    """
    draft = _read(spec, locate)
    distributions, faults = read_definitions(draft.definitions, _refuse)
    possible = Possibilities(distributions, draft.fixed, config)

    def resolve(name: str) -> int:
        unread = name in draft.definitions and name not in possible.distributions
        return _refuse(name) if unread else possible.smallest(name)

    distributions, faults = read_definitions(draft.definitions, resolve)
    faults += draft.faults + list(structure_faults(distributions, draft.fixed))
    if not draft.definitions:
        faults.append(EMPTY)
    sound = {key: value for key, value in distributions.items() if key not in dict(faults)}
    faults += faults_of(Possibilities(sound, draft.fixed, config))
    raise_if_any(faults, draft.places)
    return SearchSpace(draft.name, distributions, draft.fixed)


def _refuse(name: str) -> int:
    raise ValueError(
        f"{shown(name)} cannot be an end here: it is not a number, or depends on other settings"
    )


def _read(
    spec: str | Mapping[str, object], locate: Callable[[str], str], above: tuple[str, ...] = ()
) -> _Draft:
    """The draft of a space; `above` are the files that led here by their `preset:`."""
    if isinstance(spec, Mapping):
        return _drafted(Document(dict(spec), place=""), "custom", locate, above)
    if spec in preset_names():
        text = (FOLDER / f"{spec}.yaml").read_text(encoding="utf-8")
        return _drafted(parse_document(text, f"preset {spec}"), spec, locate, above)
    if spec.endswith((".yaml", ".yml")):
        if spec in above:
            raise SpaceError(f"{inert(spec)}: is its own preset")
        return _drafted(read_document(_file(spec, locate)), Path(spec).stem, locate, (*above, spec))
    names = ", ".join(preset_names())
    raise SpaceError(
        f"a space must be a preset ({names}) or the path of a .yaml file, but got {shown(spec)}"
        f"{nearest(spec, preset_names())}"
    )


def _file(spec: str, locate: Callable[[str], str]) -> Path:
    try:
        return Path(locate(spec))
    except ValueError as error:
        raise SpaceError(f"{inert(spec)}: {error}") from None


def _drafted(
    document: Document, name: str, locate: Callable[[str], str], above: tuple[str, ...]
) -> _Draft:
    """The draft of a document on top of the preset that it names, if it names one."""
    values = dict(document.values)
    preset, own_name = values.pop("preset", None), values.pop("name", None)
    draft = _Draft(name)
    if isinstance(preset, str):
        draft = _read(preset, locate, above)
        draft.name = f"{draft.name}, changed"
    elif preset is not None:
        draft.faults.append(("preset", f"must be text, but got {shown(preset)}"))
    if isinstance(own_name, str) and own_name:
        draft.name = own_name
    elif own_name is not None:
        draft.faults.append(("name", f"must be text, but got {shown(own_name)}"))
    _add_settings(draft, values)
    for key, _ in flatten(document.values, lambda _, value: is_definition(value)):
        draft.places.pop(key.removeprefix("fixed."), None)  # of the preset's line, if it had one
    for key in document.lines:
        draft.places[key.removeprefix("fixed.")] = document.where(key)
    if document.faults:
        raise SpaceError(document.faults)
    return draft


def _add_settings(draft: _Draft, values: Mapping[str, object]) -> None:
    """Put a document's settings on top of those that the draft holds already."""
    definitions: dict[str, object] = {}
    fixed: dict[str, object] = {}
    for dotted, value in flatten(values, lambda _, value: is_definition(value)):
        key = dotted.removeprefix("fixed.")
        own = definitions if key == dotted else fixed
        if key in own:
            draft.faults.append((key, "is set a second time"))
        if dotted != "fixed":
            own[key] = value
        elif value not in (None, {}):
            draft.faults.append((key, f"must be a mapping, but got {shown(value)}"))
    present = draft.definitions.keys() | draft.fixed.keys()
    removed = {key for key, value in definitions.items() if value is None and key in present}
    draft.definitions = {
        key: value
        for key, value in {**draft.definitions, **definitions}.items()
        if key not in removed and (key in definitions or key not in fixed)
    }
    draft.fixed = {key: value for key, value in draft.fixed.items() if key not in definitions}
    for key, value in fixed.items():
        faults = list(fault_of(key, value))
        draft.faults += faults
        if not faults:
            draft.fixed[key] = PARAMETERS[key].conform(value)
