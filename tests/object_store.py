"""A real S3 server on the loopback interface, and the environment that leads to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

SECRET = "never-to-be-shown"
BUCKET = "results"


@contextmanager
def object_store() -> Iterator[str]:
    """The address of a bucket that is there while inside, for child processes too."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "tester")
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket=BUCKET)
            yield f"s3://{BUCKET}"
    finally:
        server.stop()


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
