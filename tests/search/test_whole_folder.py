from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from greedy_core.errors import InputError
from search.export.whole_folder import new_folder, written_whole


def test_a_folder_appears_whole_with_the_usual_rights(tmp_path: Path) -> None:
    path = new_folder(str(tmp_path / "a" / "out"))
    before = os.umask(0o027)
    try:
        with written_whole(path) as hidden:
            (hidden / "file").touch(mode=0o600)
            assert not path.exists()
    finally:
        os.umask(before)
    assert [each.name for each in path.parent.iterdir()] == ["out"]
    assert (path.stat().st_mode & 0o777, (path / "file").stat().st_mode & 0o777) == (0o750, 0o640)


def test_folders_inside_have_the_usual_rights_and_everything_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    before = os.umask(0o022)
    try:
        with written_whole(tmp_path / "out") as hidden:
            (hidden / "templates" / "more").mkdir(parents=True, mode=0o700)
            (hidden / "templates" / "more" / "tool.jinja").touch(mode=0o600)
    finally:
        os.umask(before)
    rights = {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "out").rglob("*")}
    assert rights == {"templates": 0o755, "more": 0o755, "tool.jinja": 0o644}
    assert synced == ["tool.jinja", "more", "templates", hidden.name], "what is inside comes first"


def test_an_empty_folder_is_filled_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with written_whole(new_folder(str(tmp_path / "link"))) as hidden:
        (hidden / "file").touch()
    assert (tmp_path / "real" / "file").exists() and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize(
    ("raised", "arrives"),
    [(OSError(errno.ENOSPC, "No space left on device"), InputError), (KeyError(), KeyError)],
)
def test_nothing_is_left_where_writing_fails(
    raised: Exception, arrives: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(arrives), written_whole(tmp_path / "a" / "b" / "out") as hidden:
        (hidden / "file").touch()
        raise raised
    assert list(tmp_path.iterdir()) == []


def test_folders_above_that_others_use_by_then_stay(tmp_path: Path) -> None:
    with pytest.raises(KeyError), written_whole(tmp_path / "a" / "b" / "out"):
        (tmp_path / "a" / "theirs").touch()
        raise KeyError
    assert {each.name for each in tmp_path.rglob("*")} == {"a", "theirs"}


def fails(*given: object, **named: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    ("module", "call", "says"),
    [
        (tempfile, "mkdtemp", "cannot be made: Input/output error"),
        (os, "fsync", "cannot be synced to the disk: Input/output error"),
        (os, "rename", "cannot be put in its place: Input/output error"),
    ],
)
def test_what_failed_is_named(
    module: ModuleType, call: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, call, fails)
    with pytest.raises(InputError) as caught, written_whole(tmp_path / "a" / "out") as hidden:
        (hidden / "file").touch()
    assert str(caught.value) == f"{tmp_path / 'a' / 'out'}: {says}"
    assert list(tmp_path.iterdir()) == []


def test_a_file_elsewhere_that_cannot_be_read_is_named_itself(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(InputError) as caught, written_whole(tmp_path / "out"):
        absent.read_text()
    assert str(caught.value) == f"{absent}: No such file or directory"


def test_what_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = new_folder(str(tmp_path / "out"))
    with pytest.raises(InputError, match="cannot be put in its place"), written_whole(path):
        path.mkdir()
        (path / "mine").touch()
    assert [each.name for each in tmp_path.rglob("*")] == ["out", "mine"]


@pytest.mark.parametrize(
    "text", ["", "s3://bucket/out", "file/out", "file", "full", "a\0b", "loop"]
)
def test_other_places_are_refused_before_anything_is_made(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("full/inside").mkdir(parents=True)
    Path("loop").symlink_to("loop")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"^out "):
        new_folder(text)
    assert set(tmp_path.rglob("*")) == before
