"""A real S3 server on the loopback interface, and the environment that leads to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock, Thread
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

SECRET = "never-to-be-shown"
BUCKET = "results"
HOST = "127.0.0.1"


@contextmanager
def object_store() -> Iterator[str]:
    """The address of a bucket that is there while inside, for child processes too."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(HOST, 0, _application(), threaded=True, request_handler=MotoRequestHandler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        endpoint = f"http://{HOST}:{server.server_port}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
            patch.setenv("AWS_ACCESS_KEY_ID", "tester")
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET)
            yield f"s3://{BUCKET}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application() -> Any:
    """moto's S3 and its own controls; its server looks twice at each request for what it is for.

    Requests are answered one at a time. moto looks at a condition (`If-None-Match`) and writes in
    two steps, so that of two requests at once both could hold it, which no store allows.
    """
    store, controls = create_backend_app("s3"), create_backend_app("moto_api")
    one_at_a_time = Lock()

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:  # all of it first: a client that is stopped while it sends must not stop others
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        is_control = environ["PATH_INFO"].startswith("/moto-api")
        with one_at_a_time:
            return list((controls if is_control else store)(environ, start_response))

    return application


@contextmanager
def strangers_refused(endpoint: str) -> Iterator[None]:
    """Have the server check credentials, which nobody has, while inside."""
    _check_after(endpoint, "0")
    try:
        yield
    finally:
        _check_after(endpoint, "inf")


def _check_after(endpoint: str, requests: str) -> None:
    url, plain = f"{endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urlopen(Request(url, requests.encode(), plain, method="POST")).close()
