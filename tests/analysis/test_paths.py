"""One rule for whatever names a file or a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.tables.paths import absolute_path, local_path

HOME = "/home/somebody"

PATHS = {
    "facts.json": "facts.json",
    "/data/facts.json": "/data/facts.json",
    "gpt2-xl": "gpt2-xl",
    "owner/model": "owner/model",
    "./gs:/b": "./gs:/b",
    "folder/s3://b": "folder/s3://b",
    "C:\\x": "C:\\x",
    "a:b": "a:b",
    "10:30.json": "10:30.json",
    "~": HOME,
    "~/facts.json": f"{HOME}/facts.json",
    "./~/x": "./~/x",
    "a~": "a~",
    "~root/x": "/root/x",
}
ADDRESSES = [
    *(
        "gs://b/c",
        "S3://b/c",
        "s3a://b/c",
        "file:///x",
        "FILE:/x",
        "http://h/x",
        "hdfs:",
        "hdfs:/x",
    ),
    *("s3:/b", "s3:b", "gs:b", "hf://o/m", "hf:o/m", " gs://b", "abfss://c@a/x", "new+kind.1://x"),
    *("C:/x", "x:/y", "s3://b/c"),
]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", HOME)


@pytest.mark.parametrize(("text", "path"), PATHS.items())
def test_a_path(text: str, path: str) -> None:
    assert local_path(text) == path


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="must be a path on this machine") as caught:
        local_path(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_what_no_file_can_be_called(text: str) -> None:
    with pytest.raises(ValueError, match="must be a path that a file can have, but got"):
        local_path(text)


def test_a_user_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="no-such-user must be a user of this machine"):
        local_path("~no-such-user/x")


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    with pytest.raises(ValueError, match=r"HOME must be set; a file of that name is written \./~"):
        local_path("~/x")


def test_an_absolute_path_goes_where_the_system_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there" / "inner").mkdir(parents=True)
    (tmp_path / "there" / "file").write_text("right")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there" / "inner")
    monkeypatch.chdir(tmp_path / "here")
    assert Path(absolute_path("link/../file")).read_text() == "right"
    assert absolute_path(".") == str(tmp_path / "here")
    assert absolute_path("link/") == str(tmp_path / "here" / "link"), "a link stays a link"
    assert absolute_path("~/x") == os.path.join(HOME, "x")
