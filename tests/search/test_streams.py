"""Whatever is printed, nothing of it is obeyed by a terminal; output that nobody takes is told."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.search.sweeps import ROOT, command

OBEYED = {
    "a title": "\x1b]0;title\x07",
    "erasing": "\x1b[2J",
    "a color": "\x1b[31m",
    "a color in pieces": "\x1b\x1b[0m[31m",
    "the line's beginning": "a\rb",
    "backspace": "a\bb",
    "a C1 control": "\x9b31m",
    "text from right to left": "\u202ekcab\u2066",
    "another line's end": "a\u2028b\x0bc\x0cd\x85e",
    "half a character": "\udc9b\ud800",
    "null": "\x00",
}
PRINTS = {
    "bytes": "sys.stdout.buffer.write(text.encode(errors='surrogatepass')); "
    "sys.stderr.buffer.write(b'\\x1b[2J\\xff')",
    "print": "print(text)",
    "stderr": "print(text, file=sys.stderr)",
    "in pieces": "for each in text: sys.stderr.write(each)",
    "a warning": "import warnings; warnings.warn(text)",
    "a logger of its own": "import logging; logging.getLogger('ray.tune').error('%s', text)",
    "a handler": "import logging; logging.basicConfig(); logging.error(text)",
    "an error": "\ntry: raise ValueError(text)\nexcept ValueError: import traceback; "
    "traceback.print_exc()",
    "a thread": "import threading; t = threading.Thread(target=int, args=(text,)); t.start(); "
    "t.join()",
    "typer": "import typer; typer.echo(text); typer.echo(text, err=True)",
    "under a live line": "from search.cli.streams import console, drawn_again\n"
    "with drawn_again('live', console(stderr=True)): print(text); print(text, file=sys.stderr)",
}
SCRIPT = """
import sys
from search.cli.streams import inert_streams
with inert_streams():
    for text in {texts!r}:
        {prints}
"""
DRAWN = re.compile(rb"\x1b\[(\?25[lh]|1A|2K|[0-9;]*m)|\r(?=\x1b|\n|$)")
"""What our own line on a terminal is drawn with, and the end of a terminal's lines."""


def seen(terminal: bool) -> bytes:
    """All that comes out of a process whose streams are a terminal's or pipes."""
    said = "\n".join(PRINTS.values()).replace("\n", "\n        ")
    script = SCRIPT.format(texts=list(OBEYED.values()), prints=said)
    ours, its = pty.openpty() if terminal else os.pipe()
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    found = b""
    with suppress(OSError):  # how a terminal ends
        while piece := os.read(ours, 65536):
            found += piece
    os.close(ours)
    assert process.wait() == 0, found
    return found


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_nothing_that_is_printed_is_obeyed(terminal: bool) -> None:
    found = seen(terminal)
    assert (b"\x1b[2K" in found) == terminal, "our own line alone is drawn"
    text = DRAWN.sub(b"", found).decode()
    assert all(line.replace("\t", " ").isprintable() for line in text.split("\n")), text
    assert text.count("]0;title") >= len(PRINTS)
    assert text.count("x9b31m") >= len(PRINTS)


def test_whoever_keeps_a_stream_may_look_at_it_when_python_ends() -> None:
    script = """
import atexit, sys
from search.cli.streams import inert_streams
with inert_streams():
    for kept in (sys.stdout, sys.stderr):
        atexit.register(kept.isatty)
        atexit.register(kept.flush)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_an_encoding_lacks_is_shown() -> None:
    script = "from search.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "config", "dataset=日本.json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 2
    assert rb"\u65e5\u672c.json" in done.stderr


FULL = "ratchet: standard output cannot be written: No space left on device\n"
CLOSED = "ratchet: standard output cannot be written: it is closed\n"
SAY = {
    "config": ["config"],
    "help": ["--help"],
    "help of a command": ["run", "--help"],
}


@pytest.mark.parametrize(
    ("redirected", "status", "says"),
    [(">/dev/full", 2, FULL), (">&-", 2, CLOSED), ("| true", 141, "")],
    ids=["full", "closed", "nobody reads"],
)
@pytest.mark.parametrize("what", SAY)
def test_an_answer_that_nobody_gets_is_not_success(
    what: str, redirected: str, status: int, says: str
) -> None:
    line = f"{shlex.join(command(*SAY[what]))} {redirected}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1" if what == "config" else ""},
        check=False,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.endswith(says)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "0<&-"])
def test_a_command_goes_on_without_anybody_who_reads_its_messages(
    redirected: str,
) -> None:
    line = f"{shlex.join(command('config'))} {redirected}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"model: factworld")
