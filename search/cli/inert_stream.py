"""A standard stream that shows control characters instead of passing them on to be obeyed."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.text import Text

from search.errors import OutputLost
from spaces.values import inert

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
"""Color codes, which are dropped: Ray colors what it forwards, and data must not color anything."""


class Raw(io.TextIOBase):
    """A standard stream whose loss raises an error of ours, or nothing.

    Args:
        stream: where text goes.
        needed: whether its loss ends the command; messages about progress may be lost.
    """

    def __init__(self, stream: Any, needed: bool) -> None:
        self._stream = stream
        self._needed = needed
        self._lost: OutputLost | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding."""
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How the stream treats what it cannot encode."""
        errors: str | None = self._stream.errors
        return errors

    def fileno(self) -> int:
        """The stream's descriptor."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Whether the stream is a terminal; a closed one is not."""
        return not self._stream.closed and bool(self._stream.isatty())

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, text: str) -> int:
        """Write text to the stream.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if not isinstance(text, str):
            raise TypeError(f"text is written here, but got {type(text).__name__}")
        self._hand(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless it is closed, as it is when Python ends.

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
    """The same for whatever prints: line ends are kept, other control characters are shown.

    Args:
        stream: where text goes.
        needed: whether its loss ends the command.
        number: the descriptor that others know it by.
    """

    def __init__(self, stream: Any, needed: bool, number: int | None = None) -> None:
        super().__init__(stream, needed)
        self._number = number
        self.buffer = InertBytes(self)
        """For code that writes bytes."""
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
        """The name of Python's own stream."""
        return "<stdout>" if self._needed else "<stderr>"

    mode = "w"
    line_buffering = True
    write_through = True

    def reconfigure(self, **options: object) -> None:
        """Ignore the options: what is shown, and how, is decided here."""

    def close(self) -> None:
        """Flush only: the stream is not the caller's to close."""
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
        """Write bytes as the text that they encode.

        Raises:
            OutputLost: if the stream is needed and takes no more.
        """
        if isinstance(content, str):
            raise TypeError("bytes are written here, but got str")
        whole = bytes(content)
        self._text.write(self._decoder.decode(whole))
        return len(whole)

    def flush(self) -> None:
        """Flush the stream."""
        self._text.flush()

    @property
    def raw(self) -> InertBytes:
        """This stream itself."""
        return self

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._text.name

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._text.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._text.isatty()

    def writable(self) -> bool:
        """Always true."""
        return True

    def close(self) -> None:
        """Flush only: the stream is not the caller's to close."""
        self.flush()


def _inert_line(line: str) -> str:
    return "\t".join(map(inert, _COLORS.sub("", line).split("\t")))
