"""The documents that the covariance is estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from greedy_core import factworld
from greedy_core.errors import CorpusError
from greedy_core.inputs.plain_text import plain_text
from greedy_core.inputs.reading import read_text
from greedy_core.inputs.records import EditRecord
from greedy_core.settings import EditSettings


@dataclass(frozen=True)
class Corpus:
    """The documents that the covariance is estimated from."""

    documents: tuple[str, ...]
    """In reading order."""
    digest: str
    """Digest of all documents."""

    @classmethod
    def of(cls, documents: Sequence[str]) -> Corpus:
        """Take the documents as they are."""
        return cls(tuple(documents), sha256("\0".join(documents).encode()).hexdigest())


def read_corpus(path: Path) -> list[str]:
    """Read a text file, one document a line, each normalized by `plain_text`.

    Raises:
        CorpusError: if it cannot be read, is not UTF-8 text, or has no line of text.
    """
    try:
        text = read_text(path)
    except ValueError as error:
        raise CorpusError(f"covariance.corpus {path}: {error}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CorpusError(f"covariance.corpus {path}: must be text, but line {line} holds a NUL")
    documents = [document for line in text.split("\n") if (document := plain_text(line))]
    if not documents:
        raise CorpusError(f"covariance.corpus {path}: must hold at least one line of text")
    return documents


def load_corpus(settings: EditSettings, records: Sequence[EditRecord]) -> Corpus:
    """The corpus that the settings name; by default factworld's biographies or the records' text.

    Raises:
        CorpusError: if the file cannot be used.
    """
    if settings.covariance.corpus is not None:
        return Corpus.of(read_corpus(Path(settings.covariance.corpus)))
    if settings.dataset == "factworld":
        return Corpus.of(factworld.biographies())
    return Corpus.of([text for record in records for text in _texts(record)])


def _texts(record: EditRecord) -> list[str]:
    """A record's prompts, completed by what the unedited model should say after them."""
    request = record.request
    prompts = (request.text, *record.paraphrase_prompts, *record.neighborhood_prompts)
    return [f"{prompt} {request.target_true}." for prompt in prompts]
