"""Files that are wrong in one way each, and folders seen from outside."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from greedy_core import factworld

RECORD: dict[str, Any] = {
    "case_id": 7,
    "requested_rewrite": {
        "prompt": "Die Muttersprache von {} heißt",
        "subject": "Danielle Darrieux",
        "target_new": {"str": "English"},
        "target_true": {"str": "French"},
    },
    "paraphrase_prompts": ["Danielle Darrieux, a native", "She speaks"],
    "neighborhood_prompts": ["Léon Blum is a native speaker of", "Montesquieu speaks"],
}

ONE_EDIT = (
    "edits=1",
    "batch_size=1",
    "greedy.steps=1",
    "values.steps=2",
    "device=cpu",
    "cache.enabled=false",
)
"""The quickest edit there is."""

WEIGHTS = (factworld.MODEL_DIR / "model.safetensors").read_bytes()

ABSENT = object()


def records(path: str = "", value: object = None) -> bytes:
    """A file of one record; with a path like `requested_rewrite.subject`, that field changed."""
    record = json.loads(json.dumps(RECORD))
    *above, name = path.split(".")
    owner = record
    for each in above:
        owner = owner[each]
    if value is ABSENT:
        del owner[name]
    elif name:
        owner[name] = value
    return json.dumps([record]).encode()


def cut(after: str) -> bytes:
    """A file of one record that ends behind the first place where this text stands."""
    text = json.dumps([RECORD], ensure_ascii=False)
    return text[: text.index(after) + len(after)].encode()


def model(changes: Mapping[str, object] | bytes, **files: bytes | None) -> dict[str, bytes]:
    """The files of factworld in the folder `model`: its config.json changed, other files replaced.

    Names are written with `__` for the dot; None leaves a file out.
    """
    found: dict[str, bytes | None] = {
        path.name: path.read_bytes() for path in sorted(factworld.MODEL_DIR.iterdir())
    }
    config = found["config.json"]
    assert config is not None
    if isinstance(changes, bytes):
        found["config.json"] = changes
    else:
        found["config.json"] = json.dumps({**json.loads(config), **changes}).encode()
    found |= {name.replace("__", "."): content for name, content in files.items()}
    return {f"model/{name}": each for name, each in found.items() if each is not None}


def larger_vocabulary(more: int) -> bytes:
    """The tokenizer of factworld, with tokens that its model has no rows for."""
    content = json.loads((factworld.MODEL_DIR / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    first = max(vocabulary.values()) + 1
    vocabulary |= {f"more{number}": first + number for number in range(more)}
    return json.dumps(content).encode()


def weight_of(name: str, value: float) -> bytes:
    """The weights of factworld, the first number of one of them replaced."""
    length = struct.unpack("<Q", WEIGHTS[:8])[0]
    start = 8 + length + json.loads(WEIGHTS[8 : 8 + length])[name]["data_offsets"][0]
    return WEIGHTS[:start] + struct.pack("<e", value) + WEIGHTS[start + 2 :]


def safetensors(header: bytes, length: int | None = None) -> bytes:
    """A file of weights with this header, and a length that may claim another one."""
    return struct.pack("<Q", len(header) if length is None else length) + header


def index_of(shard: str) -> bytes:
    """An index that says of every weight that it lies in this file."""
    length = struct.unpack("<Q", WEIGHTS[:8])[0]
    names = json.loads(WEIGHTS[8 : 8 + length])
    names.pop("__metadata__", None)
    return json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, shard)}).encode()


def pickle_that_writes(path: Path) -> bytes:
    """A pickle that makes a file where it is read."""
    return f"cbuiltins\nopen\n(V{path}\nVw\ntR.".encode()


def lay_out(folder: Path, files: Mapping[str, bytes | int]) -> None:
    """Write files; a number stands for a file of so many bytes that takes no room on the disk."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            with path.open("wb") as file:
                file.truncate(content)
        else:
            path.write_bytes(content)


def seen(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything in a folder by its path: kind, size, time of the last change, and content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_file() and status.st_size < 2**24:
            content = sha256(path.read_bytes()).hexdigest()
            found[str(path)] = (status.st_size, status.st_mtime_ns, content)
        else:
            found[str(path)] = (path.is_dir(), 0 if path.is_dir() else status.st_size)
    return found


@contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Let this process take so many bytes of address space more, and fail beyond."""
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
