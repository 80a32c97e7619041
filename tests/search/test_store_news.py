"""The driver tells an outage of the state store once, and its end once, however many workers."""

from __future__ import annotations

import logging

import pytest

from search.session.store_news import StoreNews

OFF = "state store: switched off, s3://b: no answer"
ON = "state store: used again"


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ([("a", None), ("b", None)], []),
        ([("a", OFF), ("b", OFF), ("a", OFF)], [OFF]),
        ([("a", OFF), ("b", OFF), ("a", None)], [OFF]),
        ([("a", OFF), ("b", OFF), ("a", None), ("b", None), ("b", None)], [OFF, ON]),
        ([("a", OFF), ("a", None), ("a", OFF)], [OFF, ON, OFF]),
        ([("a", OFF), ("b", OFF), ("a", "lost"), ("b", None)], [OFF, ON]),
    ],
)
def test_what_is_told(
    heard: list[tuple[str, str | None]], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    news = StoreNews()
    with caplog.at_level(logging.WARNING):
        for worker, refusal in heard:
            if refusal == "lost":
                news.lost(worker)
            else:
                news.heard(worker, refusal)
    assert caplog.messages == told
