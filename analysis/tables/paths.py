"""Which path is meant by a text that people give for a file or a folder: one rule for all of them.

It is a path on this machine, with `~` and `~user` as a shell expands them. What looks like an
address of some store is refused, since it would silently become a folder called `gs:`. Where a
place may be on an object store, that is written s3://bucket/prefix and is looked for before.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

S3 = "s3://"
"""What the address of a place on an object store begins with."""

_SCHEMES = (
    *("s3", "s3a", "s3n", "gs", "gcs", "az", "abfs", "abfss", "wasb", "wasbs", "adl", "oss"),
    *("hdfs", "webhdfs", "viewfs", "dbfs", "hf", "file", "http", "https", "ftp", "sftp", "ssh"),
)
_ADDRESS = re.compile(rf"\s*([a-z][a-z0-9+.-]*:/|({'|'.join(_SCHEMES)}):)", re.IGNORECASE)
"""Any scheme with a slash after its colon, and known ones even without: `C:\\x` is a plain name."""


def local_path(text: str) -> str:
    """The path that a text names, with `~` expanded; relative paths stay relative.

    Raises:
        ValueError: it names none; the message is worded to follow what the text is given for.
    """
    got = f"but got {text!r:.200}"
    if not text or "\0" in text:
        raise ValueError(f"must be a path that a file can have, {got}")
    if _ADDRESS.match(text):
        if text.strip().startswith(S3):
            raise ValueError(
                f"must be a path on this machine, {got}: only results and states are kept at {S3}"
            )
        name = text.strip().partition("/")[0]
        raise ValueError(
            f"must be a path on this machine, or {S3}bucket/prefix where results or states are "
            f"kept, {got}; a folder of that name is written ./{name}"
        )
    path = _expanded(text) if text.startswith("~") else text
    try:
        os.fsencode(path)
    except ValueError:
        raise ValueError(f"must be a path that a file can have, {got}") from None
    return path


def absolute_path(text: str) -> str:
    """The same as an absolute path; `..` after a link leads where the system would go.

    Raises:
        ValueError: as `local_path` does.
    """
    path = str(Path(local_path(text)).absolute())
    shorter = os.path.normpath(path)
    return shorter if os.path.realpath(shorter) == os.path.realpath(path) else path


def _expanded(text: str) -> str:
    user = text.partition("/")[0]
    # With an empty HOME it would be the root folder.
    empty = user == "~" and os.environ.get("HOME") == ""
    path = text if empty else os.path.expanduser(text)
    if path.startswith("~"):
        wanted = "HOME must be set" if user == "~" else f"{user[1:]} must be a user of this machine"
        raise ValueError(
            f"must be a path that a file can have, but got {text!r:.200}: {wanted}; "
            f"a file of that name is written ./{user}"
        )
    return path
