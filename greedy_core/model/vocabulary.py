"""Whether a tokenizer is the model's own, and whether it can spell a text.

Token ids are compared with the rows of the model's embedding. A model may have more rows than its
tokenizer has tokens, since many are padded to a round number. The reverse is refused for tokens
that any text may hold. Tokens that were only added, such as a [PAD] without a row of its own, do no
harm until a text holds one, and are refused then (`greedy_core.model.tokens`).
"""

from __future__ import annotations

import logging
from typing import Any

from greedy_core.errors import ModelError

logger = logging.getLogger(__name__)

USUAL_SHARE = 0.9
"""Share of a model's rows that its own tokenizer names: padding takes a few percent at most."""


def check_vocabulary(tokenizer: Any, rows: int, model: str) -> None:
    """Compare a tokenizer's tokens with the rows of a model's embedding.

    Args:
        tokenizer: a fast one.
        rows: token ids that the model knows.
        model: its name, for the message.

    Raises:
        ModelError: if the tokenizer has no tokens, or gives text ids that the model has no rows
            for.
    """
    backend = tokenizer.backend_tokenizer
    added = backend.get_added_tokens_decoder()
    ids = [i for i in backend.get_vocab(with_added_tokens=False).values() if i not in added]
    if not ids:
        raise ModelError(f"model {model!r}: its tokenizer must have tokens, but has none")
    beyond = sum(i >= rows for i in ids)
    if beyond:
        raise ModelError(
            f"model {model!r}: its tokenizer must be the model's own, but {beyond} of its "
            f"{len(ids)} tokens have ids beyond the {rows} that the model's embedding has"
        )
    if len(ids) + len(added) < USUAL_SHARE * rows:
        logger.warning(
            "model %r: its tokenizer has %d tokens and its embedding %d rows; "
            "is it the model's own?",
            model,
            len(ids) + len(added),
            rows,
        )


def unspelled(tokenizer: Any, text: str) -> str:
    """The characters of a text that are lost on a model: unknown to the tokenizer, or dropped.

    Only letters and digits count as dropped, because a normalizer may take away white space, marks
    and what it composes into one character.
    """
    encoded = tokenizer(text, return_offsets_mapping=True)
    unknown = _unknown_ids(tokenizer)
    kept = [False] * len(text)
    lost: set[int] = set()
    for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        kept[start:end] = [True] * (end - start)
        if unknown.get(token, text[start:end]) != text[start:end]:
            lost.update(range(start, end))
    lost |= {i for i, c in enumerate(text) if not kept[i] and c.isalnum() and not _joins(c)}
    return "".join(text[i] for i in sorted(lost)).strip()


def _unknown_ids(tokenizer: Any) -> dict[int, str]:
    """Tokens that stand for whatever the tokenizer does not know, as they are written in a text."""
    backend = tokenizer.backend_tokenizer
    names = {tokenizer.unk_token, getattr(backend.model, "unk_token", None)} - {None}
    ids = {backend.token_to_id(name): name for name in names}
    return {token: name for token, name in ids.items() if token is not None}


def _joins(character: str) -> bool:
    """Whether it is a medial or final Hangul letter, which Unicode composes with those before."""
    return "\u1160" <= character <= "\u11ff"
