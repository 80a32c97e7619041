"""A proxy in front of an object store on the loopback interface, which fails as it is told."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.object_store import object_store

Answer = tuple[int, bytes] | None
"""Status and body instead of the store's; None cuts the connection."""

SLOW_DOWN = (503, b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>")
INTERNAL = (500, b"<?xml version='1.0'?><Error><Code>InternalError</Code></Error>")
BAD_GATEWAY = (502, b"<html>not S3 at all</html>")
DENIED = (403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
NO_BUCKET = (404, b"<?xml version='1.0'?><Error><Code>NoSuchBucket</Code></Error>")


@dataclass
class Faults:
    """What the proxy does to requests; tests change it while clients run."""

    answer: Answer = SLOW_DOWN
    """What those get that are hit."""
    hits: Callable[[str, str], bool] = lambda method, path: False
    """Whether a request, by method and path, is hit."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Requests that were hit."""

    def everything(self, answer: Answer) -> None:
        """Answer every request so."""
        self.answer, self.hits = answer, lambda method, path: True

    def writes(self, answer: Answer) -> None:
        """Answer requests so that change something."""
        self.answer, self.hits = answer, lambda method, path: method in ("PUT", "POST", "DELETE")

    def nothing(self) -> None:
        """Let everything through."""
        self.hits = lambda method, path: False


@contextmanager
def faulty_store() -> Iterator[tuple[str, Faults]]:
    """The address of a bucket behind such a proxy, for child processes too, and its switch."""
    with object_store() as address, pytest.MonkeyPatch.context() as patch:
        faults = Faults()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_endpoint(), faults))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            yield address, faults
        finally:
            server.shutdown()
            server.server_close()


def _endpoint() -> str:

    return urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc


def _handler(store: str, faults: Faults) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if faults.hits(self.command, self.path):
                faults.seen.append((self.command, self.path))
                if faults.answer is None:
                    self.close_connection = True
                    return
                self._send(*faults.answer, [("Content-Type", "application/xml")])
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection = HTTPConnection(store)
            try:
                connection.request(self.command, self.path, body, headers)
                found = connection.getresponse()
                self._send(found.status, found.read(), found.headers.items())
            finally:
                connection.close()

        def _send(self, status: int, body: bytes, headers: Any) -> None:
            self.send_response_only(status)
            lengths = [v for k, v in headers if k.lower() == "content-length"]
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            head = self.command == "HEAD"
            self.send_header("Content-Length", lengths[0] if head and lengths else str(len(body)))
            self.end_headers()
            if not head:
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _relay

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler
