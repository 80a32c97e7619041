"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Config = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONFIG.yaml] [key=value ...]",
        help="A configuration file, and settings that replace the file's.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the libraries' own messages.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    str, typer.Argument(metavar="DIR/NAME", help="A sweep's folder, or s3://bucket/prefix/name.")
]
WaitForLock = Annotated[
    float,
    typer.Option(
        "--wait-for-lock",
        metavar="SECONDS",
        min=0,
        help="Wait up to this long for another driver to end, or for its lock to go stale.",
    ),
]
GiveUpAfter = Annotated[
    float,
    typer.Option(
        "--give-up-after",
        metavar="SECONDS",
        min=0,
        help="How long writing results may fail, for example while a store is away.",
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process", help="Run trials in this process, one after the other, without Ray."
    ),
]
AcceptVersions = Annotated[
    bool,
    typer.Option(
        "--accept-versions", help="Continue although package versions differ from the sweep's."
    ),
]
