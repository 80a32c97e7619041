"""What a command is given, checked as a whole before anything heavy is imported or created."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from analysis.tables.address import S3Address, endpoint
from analysis.tables.paths import S3, local_path
from greedy_core.errors import InputError
from greedy_core.inputs.edit_inputs import notes, read_inputs
from greedy_core.inputs.model_config import check_tokenizer_files, read_model_config
from greedy_core.typed_values import conform, shown
from search.config.places import expanded, given
from search.config.reader import ConfigError, read_config
from search.config.settings import CacheSettings, SweepConfig

logger = logging.getLogger(__name__)


def split_arguments(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Tell the configuration file from the overrides.

    Raises:
        ConfigError: if there is more than one file.
    """
    paths = [text for text in arguments if "=" not in text]
    if len(paths) > 1:
        raise ConfigError(
            f"one configuration file can be given, but got {', '.join(paths)}; "
            "settings are written key=value"
        )
    path = given_path("the configuration", paths[0]) if paths else None
    return path, [text for text in arguments if "=" in text]


def given_path(what: str, text: str) -> Path:
    """The path that an argument names.

    Args:
        what: what it is given for; messages begin with it.
        text: the argument.

    Raises:
        ConfigError: if it names none.
    """
    try:
        return Path(local_path(text))
    except ValueError as error:
        raise ConfigError(f"{what} {error}") from None


def check_name(name: str) -> str:
    """A sweep's name, which becomes a folder among the results.

    Raises:
        ConfigError: if it could be anything else than a plain name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise ConfigError(
            "--name must be letters, digits, dots, hyphens and underscores, "
            f"beginning with a letter or digit, but got {name!r:.80}"
        )
    return name


def sweep_address(results: str, name: str) -> str:
    """The address of a sweep among the results, which its name cannot lead out of.

    Raises:
        ConfigError: if the name could be anything else than a plain name.
        StorageError: if the results cannot be there.
    """
    check_name(name)
    if not results.startswith(S3):
        return str(given_path("--results", results) / name)
    S3Address.parse(results)
    return f"{results.rstrip('/')}/{name}"


def resolved_config(
    path: Path | None, overrides: Sequence[str], *, space: bool = True
) -> SweepConfig:
    """Read a configuration, its dataset and corpus; fill in the model's published defaults.

    Args:
        path: the configuration file.
        overrides: `key=value`.
        space: whether the search space must fit.

    Returns:
        the configuration, with its paths as they were given.

    Raises:
        InputError: with everything that is wrong.
    """
    return resolved(read_config(path, overrides, space=space))


def resolved(config: SweepConfig) -> SweepConfig:
    """A configuration with its model's published defaults; reads its dataset and corpus.

    Raises:
        InputError: with everything that is wrong.
    """
    if not isinstance(config, SweepConfig):  # what a caller in Python may give
        raise InputError(
            f"the configuration must be a ratchet.Config, but got {shown(config)}; "
            "ratchet.Config.from_values makes one of a mapping"
        )
    config = SweepConfig().with_values(config.flat())  # its types, too, however it was made
    _check_store(config.cache)
    here = expanded(config).edit
    model_config = read_model_config(here.model)
    check_tokenizer_files(here.model)
    inputs = read_inputs(here, model_config, config.search.sequences)
    for note in notes(inputs.selection):
        logger.warning(note)
    found = replace(config, edit=inputs.settings)
    return found.with_values(given(config, found))


def _check_store(cache: CacheSettings) -> None:
    """What can be said of the store's folder without touching it."""
    if cache.dir is not None and cache.dir.startswith(S3):
        S3Address.parse(cache.dir)
        endpoint()


def require_count(option: str, value: object) -> None:
    """Check what a caller gives for an option that counts something.

    Raises:
        InputError: it is not a whole number of at least 1.
    """
    try:
        conform(value, int)
    except ValueError as error:
        raise InputError(f"{option} {error}") from None
    if cast(int, value) < 1:
        raise InputError(f"`{option} >= 1` must hold, but got ({option}={value})")


def require_choice(option: str, value: object, choices: Collection[str]) -> None:
    """Check what a caller gives for an option that chooses.

    Raises:
        InputError: it is none of the choices.
    """
    if value not in choices:
        known = ", ".join(choices)
        raise InputError(f"{option} must be one of {known}, but got {shown(value)}")
