"""The writing side of a sweep's commits, for one driver from its first to its last.

A driver begins with a commit of its own, under the number after the newest one. From then on no
earlier driver can commit: the number that it would take is taken, or lies below the newest. What an
earlier one does after that has no effect. Parts that it stages are named by no commit, names that
it gives are given already, and what it deletes was replaced by a commit of its own.

    stage the parts, hidden  ->  create the commit  ->  show the parts, delete what they replace

A kill before the middle step leaves the old commit and some hidden files, one after it leaves the
new commit, whose last step the next driver takes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import ResultsError, StorageError
from analysis.tables.commits import MOST_BYTES, Commit, Part, digest_of, head
from analysis.tables.folder import COMMITS, CONFIG
from analysis.tables.plain_yaml import read_yaml
from analysis.tables.schema import TABLES
from greedy_core.process import this_process
from search.errors import LockLost
from search.results.parts import ResultsFolder, hidden
from search.results.takeover import inherited, leftovers, with_digests


@dataclass(frozen=True)
class NewPart:
    """A part that is to be committed."""

    part: Part
    """What the commit will say of it."""
    content: pa.Buffer
    """The file's content."""

    @classmethod
    def of(cls, name: str, rows: pa.Table) -> NewPart:
        """A part of these rows."""
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
        content = sink.getvalue()
        return cls(Part(name, digest_of(content), len(rows)), content)


class Commits:
    """A sweep's history, open for writing; the caller holds the sweep's lock.

    Opening verifies every part, ends what an earlier driver had begun, and begins this driver's
    term.

    Args:
        folder: the sweep's folder.
        sweep_id: the sweep that the parts must belong to; None takes any.
        before_write: called before each commit; raises if this driver must not write.
        sweep: the text of sweep.yaml, if it is to become another one.
        found: what counts, where the newest commit does not say it any more.

    Raises:
        ResultsError: damaged, foreign or future files, all named; nothing has changed then.
        LockLost: another driver has begun its term; from any method.
        StorageError: the disk or the store refuses; from any method that writes.
    """

    def __init__(
        self,
        folder: ResultsFolder,
        sweep_id: str | None = None,
        *,
        before_write: Callable[[], None] = lambda: None,
        sweep: str | None = None,
        found: Commit | None = None,
    ) -> None:
        self._folder = folder
        self._before_write = before_write
        self._token = secrets.token_hex(8)
        self._unsettled: list[Callable[[], None]] = []
        self._unsure = False
        before_write()
        self.head = found or inherited(folder.reading, sweep_id)
        """The newest commit."""
        while not self._begun(sweep):
            self.head = inherited(folder.reading, sweep_id)

    def name(self, kind: str = "part") -> str:
        """A name for new parts, which sorts after all others and which no other driver gives."""
        return f"{kind}-{self.head.number + 1:06d}-{secrets.token_hex(4)}.parquet"

    def write(
        self,
        parts: Mapping[str, NewPart],
        replaced: Mapping[str, tuple[str, ...]] | None = None,
        **marks: Any,
    ) -> None:
        """Commit parts, a change of other fields, or both.

        After a failure it may be called again with the same parts. Other parts, and what is made
        from `head`, need `catch_up` before.

        Args:
            parts: a new part for each of some tables.
            replaced: names of parts that these replace, by table.
            marks: fields of the commit that change.
        """
        with self.superseded_first():
            self._catch_up()
            if parts and all(new.part in self.head.of(table) for table, new in parts.items()):
                self._settle()  # an earlier call got that far
                return
            self._before_write()
            names = {f"{table}/{new.part.name}": new.content for table, new in parts.items()}
            with self._staged_meanwhile(names):
                self._create(_after(self.head, parts, replaced or {}), marks, [*names])
            self._settle()

    def catch_up(self) -> None:
        """Take the steps that are left of a commit, also of one whose creation seemed to fail."""
        with self.superseded_first():
            self._catch_up()

    def rewrite(self, sweep: str) -> None:
        """Give sweep.yaml another text."""
        if self.head.sweep == sweep:
            return
        self.write({}, sweep=sweep, earlier=_earlier(self.head))
        with self.superseded_first():
            self._folder.put(CONFIG, sweep.encode())

    @contextmanager
    def superseded_first(self) -> Iterator[None]:
        """If something inside fails because another driver has taken over, say so instead.

        Raises:
            LockLost: in place of the error that the other driver has caused.
        """
        try:
            yield
        except (StorageError, ResultsError, FileNotFoundError):
            self._before_write()
            newest = head(self._folder.reading)
            later = newest is not None and newest.number > self.head.number
            if later and newest is not None and newest.token != self._token:
                raise self._superseded(newest) from None
            raise

    def _begun(self, sweep: str | None) -> bool:
        """Begin the term, and end what was under way; False if another driver was quicker."""
        found = self.head
        self._folder.create_tables((*TABLES, COMMITS))
        present = self._folder.reading.text(CONFIG)
        text = found.sweep or sweep or present
        if sweep is not None and text is not None and read_yaml(sweep) != read_yaml(text):
            text = sweep
        changed = {} if text == found.sweep else {"sweep": text, "earlier": _earlier(found)}
        with self.superseded_first():
            process = this_process()
            begun = replace(
                with_digests(self._folder.reading, found),
                number=found.number + 1,
                term=found.term + 1,
                driver=f"process {process.pid} on {process.host}",
                token=self._token,
            )
            try:
                self._create(begun, changed, self._staged())
            except LockLost:
                # One whose lock was taken may commit until this term has begun.
                self._before_write()
                return False
            self._settle()
            self._folder.remove(leftovers(self._folder.reading, self.head))
            if text is not None and text != present:
                self._folder.put(CONFIG, text.encode())
        return True

    def _staged(self) -> list[str]:
        """Parts that count and do not have their own names yet."""
        hidden = {t: {*self._folder.reading.entries(t)} for t in self.head.parts}
        return [
            f"{table}/{part.name}"
            for table, names in hidden.items()
            for part in self.head.of(table)
            if part.staged in names
        ]

    def _create(self, commit: Commit, marks: Mapping[str, Any], new: list[str]) -> None:
        commit = replace(commit, **marks)
        while True:
            path = f"{COMMITS}/{commit.name}"
            self._before_write()
            self._unsure = True
            created = self._folder.put_new(path, commit.to_bytes())
            newest = head(self._folder.reading)
            if not created and newest is not None and _is(newest, self.head):
                newest = self._there(commit.name) or newest
            self._unsure = False
            if newest is not None and newest.token == self._token and _is(newest, commit):
                self._take(newest, new)
                return
            if created:  # below the newest, where others had been before
                self._folder.remove([path])
            if created or newest is None or not _is(newest, self.head):
                raise self._superseded(newest)
            # The number is that of a commit that never came to be.
            commit = replace(commit, number=commit.number + 1)

    def _there(self, name: str) -> Commit | None:
        """The commit under a name, which an old listing may lack; None if it never came to be."""
        try:
            return Commit.parse(self._folder.reading.content(COMMITS, name, most=MOST_BYTES))
        except FileNotFoundError:
            return None

    def _take(self, commit: Commit, new: list[str]) -> None:
        """Note what is left to do after a commit."""
        before, self.head = self.head, commit
        gone = [f"{table}/{name}" for table, names in commit.replaced.items() for name in names]
        earlier = [f"{COMMITS}/{before.name}"] if before.number else []
        self._unsettled = [
            lambda: self._folder.show(new),
            lambda: self._folder.remove(gone),
            lambda: self._folder.remove(earlier, lasting=False),  # the newest counts anyway
        ]

    def _settle(self) -> None:
        while self._unsettled:
            self._unsettled[0]()
            del self._unsettled[0]

    def _catch_up(self) -> None:
        self._settle()
        if not self._unsure:
            return
        newest = head(self._folder.reading)
        if newest is not None and newest.number > self.head.number:
            if newest.token != self._token:
                raise self._superseded(newest)
            self._take(newest, [])
            self._unsettled.insert(0, lambda: self._folder.show(self._staged()))
            self._settle()
        self._unsure = False

    @contextmanager
    def _staged_meanwhile(self, contents: Mapping[str, pa.Buffer]) -> Iterator[None]:
        """Stage parts; they are removed where they find no room, and where they come too late."""
        try:
            self._folder.stage(contents)
            yield
        except (StorageError, LockLost):
            if not self._unsure:
                with suppress(StorageError):
                    self._folder.remove(map(hidden, contents))
            raise

    def _superseded(self, newest: Commit | None) -> LockLost:
        return LockLost(self._folder.reading.address, newest.driver if newest else None)


def _is(commit: Commit, other: Commit) -> bool:
    return (commit.number, commit.token) == (other.number, other.token)


def _after(
    before: Commit, parts: Mapping[str, NewPart], replaced: Mapping[str, tuple[str, ...]]
) -> Commit:
    """The commit that adds parts to another one, and takes others out."""
    tables = [*dict.fromkeys([*before.parts, *parts])]
    kept = {
        table: tuple(p for p in before.of(table) if p.name not in replaced.get(table, ()))
        for table in tables
    }
    added = {table: (new.part,) for table, new in parts.items()}
    return replace(
        before,
        number=before.number + 1,
        parts={table: kept[table] + added.get(table, ()) for table in tables},
        replaced=dict(replaced),
    )


def _earlier(commit: Commit) -> tuple[str, ...]:
    """Digests of every text that sweep.yaml has had when this commit's is replaced."""
    return (
        commit.earlier
        if commit.sweep is None
        else (
            *commit.earlier,
            digest_of(commit.sweep.encode()),
        )
    )
