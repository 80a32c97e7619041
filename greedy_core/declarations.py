"""What a setting's declaration says beside its type: its range, and what depends on it.

    steps: Annotated[int, Ge(1), Le(256), Walk()] = 8
    \"\"\"Maximum number of steps proposed.\"\"\"

That is the only place where it is said. Range checks, search parameters, what makes a plan, what an
extension may change, and the tables and the schema for people are all read off it. A field with the
metadata `inline` adds no part to its keys: the edit's `greedy` is `greedy`, not `edit.greedy`.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from greedy_core.errors import SettingsError
from greedy_core.ranges import Range, fault
from greedy_core.typed_values import conform, shown

Reader = Literal["probes", "rejections", "gate", "scaling gate"]
"""The only part of a walk that reads a setting: the probes' judgement, the loop that goes on after
a rejection, the trust gate, or the trust gate when it scales steps."""


@dataclass(frozen=True)
class Task:
    """What is edited, and on which model: trials that differed in it could not be compared."""


@dataclass(frozen=True)
class Objective:
    """How an edited model's scores are weighed: the same for all trials, too."""


@dataclass(frozen=True)
class Plan:
    """The setting fixes what the model's states mean, so each of its values needs preparation."""

    searched: bool = True
    """Whether trials may differ in it."""


@dataclass(frozen=True)
class Walk:
    """The setting only chooses which states are visited; trials may differ in it."""

    read_by: Reader | None = None
    """The only part of a walk that reads it; None if every walk does."""


@dataclass(frozen=True)
class Sweep:
    """A setting of the sweep around the walks."""

    may_change: Literal["never", "by raising it", "in an extension", "by hand"] = "never"
    """Whether it may change once there are trials: by hand, in sweep.yaml, if no result depends on
    it; in an extension, if trials before and after it stay comparable."""


Role = Task | Objective | Plan | Walk | Sweep


@dataclass(frozen=True)
class Declaration:
    """One setting, as it is declared."""

    annotation: Any
    """Its type alone."""
    default: Any
    """Its value unless another one is given."""
    role: Role
    """What depends on it."""
    ranges: tuple[Range, ...]
    """Conditions that every value except None has to meet."""

    @property
    def is_searchable(self) -> bool:
        """Whether trials may differ in it."""
        return isinstance(self.role, Walk) or (isinstance(self.role, Plan) and self.role.searched)


def declarations(settings: Any, prefix: str = "") -> dict[str, Declaration]:
    """Dotted key -> declaration of every setting of a class and its groups, in their order.

    Raises:
        TypeError: a setting has no role, more than one, or a condition that is not known here.
    """
    found: dict[str, Declaration] = {}
    for field, annotation in fields_of(settings):
        if is_group(annotation):
            found |= declarations(annotation, prefix_below(prefix, field))
        else:
            found[f"{prefix}{field.name}"] = _declared(settings)[field.name]
    return found


def settle(settings: Any) -> None:
    """Put a settings object's own fields in the types that they are declared with, as it is made.

    A list becomes a tuple, so that settings are values, whoever makes them.

    Raises:
        SettingsError: a line for each field that does not take its value.
    """
    kind: Any = type(settings)
    faults = []
    for field, annotation in fields_of(kind):
        value = getattr(settings, field.name)
        if is_group(annotation):
            if not isinstance(value, annotation):
                faults.append(f"{field.name} must be {annotation.__name__}, but got {shown(value)}")
            continue
        try:
            object.__setattr__(settings, field.name, conform(value, annotation))
        except ValueError as error:
            faults.append(f"{field.name} {error}")
    if faults:
        raise SettingsError(faults)


def broken(settings: Any) -> list[tuple[bool, str]]:
    """For `require`: for each of a settings object's own fields, the first condition it breaks."""
    kind: Any = type(settings)
    found = []
    for name, declared in _declared(kind).items():
        value = getattr(settings, name)
        faults = (fault(name, value, each) for each in declared.ranges if value is not None)
        text = next((each for each in faults if each is not None), None)
        found += [] if text is None else [(False, text)]
    return found


def values_of_role(settings: Any, role: type, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value of every setting with a role, in order of declaration."""
    kind: Any = type(settings)
    found: dict[str, Any] = {}
    for field, annotation in fields_of(kind):
        value = getattr(settings, field.name)
        if is_group(annotation):
            found |= values_of_role(value, role, prefix_below(prefix, field))
        elif isinstance(_declared(kind)[field.name].role, role):
            found[f"{prefix}{field.name}"] = value
    return found


def texts(settings: Any, prefix: str = "") -> dict[str, str]:
    """Dotted key -> what stands below the field in the source, in one line."""
    below = _strings(settings)
    found: dict[str, str] = {}
    for field, annotation in fields_of(settings):
        if is_group(annotation):
            found |= texts(annotation, prefix_below(prefix, field))
        else:
            found[f"{prefix}{field.name}"] = below[field.name]
    return found


@cache
def fields_of(settings: Any) -> tuple[tuple[Field[Any], Any], ...]:
    """Fields with their types; looked up for every trial."""
    hints = get_type_hints(settings)
    return tuple((field, hints[field.name]) for field in fields(settings))


def is_group(annotation: Any) -> bool:
    """Whether a field of this type holds further settings."""
    return is_dataclass(annotation)


def prefix_below(prefix: str, field: Field[Any]) -> str:
    """What the keys of a field's own fields begin with."""
    return prefix if field.metadata.get("inline") else f"{prefix}{field.name}."


@cache
def _declared(settings: Any) -> Mapping[str, Declaration]:
    """Field name -> declaration, for every field of a class that is a setting and not a group."""
    whole = get_type_hints(settings, include_extras=True)
    return {
        field.name: _read(field, annotation, whole[field.name])
        for field, annotation in fields_of(settings)
        if not is_group(annotation)
    }


def _read(field: Field[Any], annotation: Any, whole: Any) -> Declaration:
    said = get_args(whole)[1:] if get_origin(whole) is Annotated else ()
    roles = [each for each in said if isinstance(each, Role)]
    if len(roles) != 1:
        raise TypeError(f"a setting must have one role, but got ({field.name}: {roles})")
    strange = [each for each in said if not isinstance(each, Role | Range)]
    if strange:
        raise TypeError(f"a condition must be one of {Range}, but got ({field.name}: {strange})")
    factory = field.default_factory
    default = field.default if factory is MISSING else factory()
    ranges = tuple(each for each in said if isinstance(each, Range))
    return Declaration(annotation, default, roles[0], ranges)


def _strings(settings: type) -> dict[str, str]:
    found: Any = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]  # the class
    return {
        field.target.id: " ".join(str(below.value.value).split())
        for field, below in zip(found.body, found.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
