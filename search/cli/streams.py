"""What a command writes: text for a terminal, with nothing in it that a terminal would obey.

While a command runs, `sys.stdout` and `sys.stderr` are inert, so that it does not matter who
prints: we, Ray, a library's warning, a traceback. Only our own consoles write past that, since they
move the cursor; all text that they are given is inert already.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from search.errors import OutputLost
from spaces.values import inert

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
"""Ray colors what it forwards; nobody misses that, and data must not color anything."""


class Raw(io.TextIOBase):
    """A standard stream, whose loss is an error of ours, or none.

    Args:
        stream: where text goes.
        needed: whether its loss ends the command. What is said about progress may be lost.
    """

    def __init__(self, stream: Any, needed: bool) -> None:
        self._stream = stream
        self._needed = needed
        self._lost: OutputLost | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The stream's."""
        errors: str | None = self._stream.errors
        return errors

    def fileno(self) -> int:
        """The stream's."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Whether somebody looks; nobody does once it is closed."""
        return not self._stream.closed and bool(self._stream.isatty())

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Hand text on.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is written here, but got {type(text).__name__}")
        self._hand(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what waits; nothing does once it is closed, as it is when Python ends.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if not self._stream.closed:
            self._hand(self._stream.flush)

    def _hand(self, on: Callable[[], object]) -> None:
        if self._lost is None:
            try:
                on()
            except (OSError, ValueError) as error:
                self._lost = self._lose(error)
        if self._lost is not None and self._needed:
            raise self._lost

    def _lose(self, error: OSError | ValueError) -> OutputLost:
        with suppress(OSError, ValueError):
            # Python flushes it at its end, too, and would say so there.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        gone = isinstance(error, OSError) and error.errno == errno.EPIPE
        return OutputLost(getattr(error, "strerror", None) or str(error), reader_gone=gone)


class Inert(Raw):
    """The same for whoever prints: lines stay lines, and all else is shown instead of obeyed.

    Args:
        stream: where text goes.
        needed: whether its loss ends the command.
        number: the descriptor that others know it by.
    """

    def __init__(self, stream: Any, needed: bool, number: int | None = None) -> None:
        super().__init__(stream, needed)
        self._number = number
        self.buffer = InertBytes(self)
        """For whoever writes bytes."""
        self.raw = Raw(stream, needed)
        """For consoles."""
        self._console: Console | None = None
        self._begun = ""

    def write(self, text: str) -> int:
        """Write text, above what a console draws again and again.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if not isinstance(text, str):
            return super().write(text)
        shown = "\n".join(map(_inert_line, text.split("\n")))
        if self._console is None:
            super().write(shown)
        else:
            *lines, self._begun = (self._begun + shown).split("\n")
            for line in lines:
                self._console.print(Text(line), soft_wrap=True)
        return len(text)

    def fileno(self) -> int:
        """The descriptor that C libraries and child processes know."""
        return super().fileno() if self._number is None else self._number

    @property
    def name(self) -> str:
        """As Python's own streams are called."""
        return "<stdout>" if self._needed else "<stderr>"

    mode = "w"
    line_buffering = True
    write_through = True

    def reconfigure(self, **options: object) -> None:
        """Stay as it is: what is shown, and how, is decided here."""

    def close(self) -> None:
        """Hand on what waits; it is not the printer's to close."""
        self.flush()

    @contextmanager
    def above(self, console: Console) -> Iterator[None]:
        """Have whole lines printed above what a console draws."""
        self._console = console
        try:
            yield
        finally:
            self._console = None
            begun, self._begun = self._begun, ""
            super().write(begun)


class InertBytes(io.BufferedIOBase):
    """Bytes on their way to an inert stream, as the UTF-8 text that they are, or escaped."""

    mode = "wb"

    def __init__(self, text: Inert) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, content: Any) -> int:
        """Write what they say.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if isinstance(content, str):
            raise TypeError("bytes are written here, but got str")
        whole = bytes(content)
        self._text.write(self._decoder.decode(whole))
        return len(whole)

    def flush(self) -> None:
        """Hand on what waits."""
        self._text.flush()

    @property
    def raw(self) -> InertBytes:
        """The same."""
        return self

    @property
    def name(self) -> str:
        """The stream's."""
        return self._text.name

    def fileno(self) -> int:
        """The stream's."""
        return self._text.fileno()

    def isatty(self) -> bool:
        """Whether somebody looks."""
        return self._text.isatty()

    def writable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Hand on what waits; it is not the printer's to close."""
        self.flush()


def _inert_line(line: str) -> str:
    return "\t".join(map(inert, _COLORS.sub("", line).split("\t")))


def console(stderr: bool = False) -> Console:
    """A console on a standard stream."""
    stream: Any = sys.stderr if stderr else sys.stdout
    file: Any = stream.raw if isinstance(stream, Inert) else stream
    return Console(file=file)


@contextmanager
def drawn_again(what: RenderableType, console: Console, **options: Any) -> Iterator[Live]:
    """Something that a console draws again and again; what others print appears above it.

    Args:
        what: is drawn first.
        console: on a terminal.
        options: of `Live`.
    """
    out, err = sys.stdout, sys.stderr
    live = Live(what, console=console, redirect_stdout=False, redirect_stderr=False, **options)
    with live, _above(out, console), _above(err, console):
        yield live


@contextmanager
def _above(stream: Any, console: Console) -> Iterator[None]:
    if isinstance(stream, Inert) and stream.isatty():
        with stream.above(console):
            yield
    else:
        yield


@contextmanager
def inert_streams() -> Iterator[None]:
    """Have both standard streams inert inside.

    Raises:
        OutputLost: if standard output is closed or takes no more.
    """
    _open_what_is_closed()
    before = sys.stdout, sys.stderr
    with _held(sys.stdout) as (out, number_out), _held(sys.stderr) as (err, number_err):
        ours = Inert(out, True, number_out), Inert(err, False, number_err)
        _ours.append(ours)
        try:
            sys.stdout, sys.stderr = ours
            yield
            ours[0].flush()
        finally:
            sys.stdout, sys.stderr = before
            _ours.remove(ours)


_ours: list[tuple[Inert, Inert]] = []
"""The streams of the commands that run, of which the last counts."""


def put_back() -> None:
    """Have the standard streams be ours, whatever a user's code has made of them."""
    if _ours:
        sys.stdout, sys.stderr = _ours[-1]


@contextmanager
def _held(stream: Any) -> Iterator[tuple[Any, int | None]]:
    """The same stream on a descriptor that is ours alone, and the one that all know, if any."""
    try:
        number = stream.fileno()
        copy = os.dup(number)
    except (OSError, ValueError, AttributeError):
        yield _told_all(stream), None
        return
    encoding = stream.encoding or "utf-8"
    lines = getattr(stream, "line_buffering", False)
    held = open(  # noqa: SIM115
        copy, "w", encoding=encoding, errors="backslashreplace", buffering=1 if lines else -1
    )
    try:
        yield held, number
    finally:
        with suppress(OSError, ValueError):
            held.close()


def _open_what_is_closed() -> None:
    """Have no file of ours get the number of a standard stream, into which others print.

    Raises:
        OutputLost: if standard output is closed.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        raise OutputLost("it is closed", reader_gone=False)


def _told_all(stream: Any) -> Any:
    """A stream that shows what its encoding lacks, instead of refusing it."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream
