"""C: the uncentered second moment of a projection's inputs over a corpus, streamed.

    C = E[k k^T] + ridge * mean(diag E[k k^T]) * I        (f, f), float64

Documents are read in the order of the corpus until there are enough tokens, and run in order of
length. So the sum does not depend on where a document stands in the corpus.

Source: ROME, layer_stats.py; there over 100,000 Wikipedia articles.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import torch
from torch import Tensor

from greedy_core.errors import CorpusError
from greedy_core.model.forwards import of_like_length
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.tokens import encode_documents, pad_right
from greedy_core.progress import OnProgress, Progress, silent
from greedy_core.settings import CovarianceSettings

TOKENS_PER_FORWARD = 2048
"""Tokens that share one forward, padding among them, unless one document has more; a constant,
because float sums depend on it."""

DOCUMENTS_PER_READING = 32
"""Documents that are tokenized at a time; some of the last ones may not be needed."""

FEW_TOKENS = 10
"""Below this many tokens for each key dimension the estimate gets a ridge by default."""

DEFAULT_RIDGE = 0.01


def estimate_covariances(
    model: LanguageModel,
    layers: Sequence[int],
    documents: Sequence[str],
    settings: CovarianceSettings,
    on_progress: OnProgress = silent,
) -> dict[int, Tensor]:
    """Estimate C for several layers in one pass over the corpus.

    Args:
        model: unedited.
        layers: whose projections' inputs are averaged.
        documents: the corpus.
        settings: how much of it is read, and the ridge.
        on_progress: told about progress, in tokens.

    Raises:
        CorpusError: if the documents have no tokens, or some that the model does not know.
    """
    rows = sorted(_rows(model, documents, settings.tokens), key=lambda row: (len(row), row))
    count = sum(map(len, rows))
    if not count:
        raise CorpusError("the covariance's corpus must have at least one token")
    sums: dict[int, Tensor] = {}
    done = 0
    for numbers in of_like_length([*map(len, rows)], TOKENS_PER_FORWARD):
        on_progress(Progress("covariance", done, count))
        forward = [rows[number] for number in numbers]
        for layer, keys in _keys(model, layers, forward).items():
            k = keys.double()
            moment = k.T @ k
            sums[layer] = sums[layer].add_(moment) if layer in sums else moment
        done += sum(map(len, forward))
    return {layer: _with_ridge(total / count, count, settings) for layer, total in sums.items()}


def _rows(model: LanguageModel, documents: Sequence[str], tokens: int) -> list[array[int]]:
    """The ids of the first documents, up to `tokens` in all; the last document is cut there."""
    rows: list[array[int]] = []
    left = tokens
    for start in range(0, len(documents), DOCUMENTS_PER_READING):
        for row in encode_documents(model, documents[start : start + DOCUMENTS_PER_READING]):
            rows.append(array("i", row[:left]))
            left -= len(rows[-1])
            if left == 0:
                return rows
    return rows


def _keys(
    model: LanguageModel, layers: Sequence[int], rows: Sequence[Sequence[int]]
) -> dict[int, Tensor]:
    """The projections' inputs for all tokens of some rows, ``(tokens, f)`` by layer."""
    lengths = torch.tensor([len(row) for row in rows], device=model.device)
    ids = pad_right(rows, model.device)
    real = torch.arange(ids.shape[1], device=model.device) < lengths[:, None]
    with torch.no_grad(), model.captured_keys(layers) as captured:
        model.run(model.embed(ids), 0, max(layers) + 1)
    return {layer: keys[real] for layer, keys in captured.items()}


def _with_ridge(moment: Tensor, count: int, settings: CovarianceSettings) -> Tensor:
    width = len(moment)
    ridge = settings.ridge
    if ridge is None:
        ridge = DEFAULT_RIDGE if count < FEW_TOKENS * width else 0.0
    scale = moment.diagonal().mean()
    return moment + ridge * scale * torch.eye(width, dtype=moment.dtype, device=moment.device)
