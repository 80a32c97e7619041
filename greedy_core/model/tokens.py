"""Text to token ids: where a subject ends, where a target begins, rows padded on the right.

Everything is found by the fast tokenizer's character offsets, in one tokenization of the whole
text, so that merges across a boundary, added BOS tokens and a tokenizer's own padding side do not
matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from greedy_core.errors import CorpusError, RecordsError
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel

MOST_CHARACTERS_PER_TOKEN = 64
"""Characters of a document that are tokenized for each token of the context: a line of 100 MB would
take minutes and gigabytes, only to be cut at the context. Ordinary text has 4 or 5 per token."""


@dataclass(frozen=True)
class TargetTokens:
    """A prompt followed by a target, as the model reads it."""

    row: tuple[int, ...]
    """Ids of the prompt and of all target tokens but the last, which is only predicted."""
    targets: tuple[int, ...]
    """Ids of the target tokens; token j is predicted at ``first_position + j``."""

    @property
    def first_position(self) -> int:
        """Position whose logits predict the first target token."""
        return len(self.row) - len(self.targets)


def encode_target(model: LanguageModel, prompt: str, target: str) -> TargetTokens:
    """Tokenize a prompt and a target that follows it after one space.

    Raises:
        RecordsError: if the target has no tokens, nothing stands before it, or the row is longer
            than the model's context.
    """
    ids, spans = _encode(model, f"{prompt} {target}")
    positions = [i for i, (start, end) in enumerate(spans) if end > start and end > len(prompt)]
    place = f"prompt {prompt!r:.80} with target {target!r:.40}"
    if not positions:
        raise RecordsError(f"{place}: the target must have at least one token")
    if positions[0] == 0:
        raise RecordsError(f"{place}: at least one token must stand before the target")
    tokens = TargetTokens(
        row=tuple(ids[: positions[-1]]),
        targets=tuple(ids[positions[0] : positions[-1] + 1]),
    )
    _check_length(model, len(tokens.row), place)
    return tokens


def encode_edit(
    model: LanguageModel, context: str, request: EditRequest
) -> tuple[TargetTokens, int]:
    """Tokenize a request's prompt and new target in a context, with the lookup index in that text.

    Raises:
        RecordsError: as `encode_target`.
    """
    tokens = encode_target(model, context + request.text, request.target_new)
    after = f"{request.suffix} {request.target_new}"
    return tokens, lookup_index(model, context + request.prefix, request.subject, after)


def encode_subject(model: LanguageModel, before: str, subject: str, after: str) -> list[int]:
    """Tokenize a text up to and including the subject's last token, as it stands in the text.

    What follows the subject decides how it is tokenized, but is not read: attention is causal.

    Raises:
        RecordsError: if the row is longer than the model's context.
    """
    ids, _ = _encode(model, before + subject + after)
    row = ids[: lookup_index(model, before, subject, after) + 1]
    _check_length(model, len(row), f"prompt {before + subject + after!r:.80}")
    return row


def lookup_index(model: LanguageModel, before: str, subject: str, after: str) -> int:
    """Position of the last token that starts before the subject's end.

    Source: Meng et al. 2022, fact_token "subject_last".

    Raises:
        RecordsError: if no token is the subject's.
    """
    text = before + subject + after
    _, spans = _encode(model, text)
    begin, end = len(before), len(before) + len(subject)
    found = [i for i, (start, stop) in enumerate(spans) if start < stop and start < end]
    if not found or spans[found[-1]][1] <= begin:
        raise RecordsError(
            f"prompt {text!r:.80}: the subject {subject!r:.40} must have at least one token"
        )
    return found[-1]


def pad_right(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Stack rows of ids into ``(n, T)``, filled with 0 behind their ends."""
    width = max(map(len, rows))
    padded = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = torch.tensor(row)
    return padded.to(device)


def encode_documents(model: LanguageModel, documents: Sequence[str]) -> list[list[int]]:
    """Tokenize documents, each cut at the model's context; empty ones are left out.

    Raises:
        CorpusError: if a token has no row in the model's embedding.
    """
    most = model.context_length
    encoded = model.tokenizer(
        [text[: most * MOST_CHARACTERS_PER_TOKEN] for text in documents],
        truncation=True,
        max_length=most,
    )["input_ids"]
    for text, ids in zip(documents, encoded, strict=True):
        if beyond := _beyond(model, ids):
            raise CorpusError(f"covariance.corpus, document {text!r:.80}: {beyond}")
    return [ids for ids in encoded if ids]


def _encode(model: LanguageModel, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    encoded = model.tokenizer(text, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    if beyond := _beyond(model, ids):
        raise RecordsError(f"{text!r:.80}: {beyond}")
    return ids, encoded["offset_mapping"]


def _beyond(model: LanguageModel, ids: Sequence[int]) -> str:
    """What is wrong with ids if the embedding lacks a row for one; running them would fail."""
    largest = max(ids, default=0)
    if largest < model.vocabulary:
        return ""
    token = model.tokenizer.convert_ids_to_tokens(largest)
    return (
        f"token ids must be below the {model.vocabulary} rows of the model's embedding, "
        f"but got {largest} ({token!r:.40})"
    )


def _check_length(model: LanguageModel, length: int, place: str) -> None:
    if length > model.context_length:
        raise RecordsError(
            f"{place}: must fit the model's context of {model.context_length} tokens, "
            f"but has {length}"
        )
