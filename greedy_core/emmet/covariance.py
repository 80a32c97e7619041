"""C: the uncentered second moment of a projection's inputs over a corpus, streamed.

    C = E[k k^T] + ridge * mean(diag E[k k^T]) * I        (f, f), float64

Source: ROME, layer_stats.py; there over 100,000 Wikipedia articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from greedy_core.errors import CorpusError
from greedy_core.language_model import LanguageModel
from greedy_core.progress import Progress, Report, silent
from greedy_core.settings import CovarianceSettings
from greedy_core.tokens import encode_documents, pad_right

DOCUMENTS_PER_FORWARD = 32
"""Documents that share one forward; a constant, because float sums depend on it."""

FEW_TOKENS = 10
"""Below this many tokens for each key dimension the estimate gets a ridge by default."""

DEFAULT_RIDGE = 0.01


def estimate_covariances(
    model: LanguageModel,
    layers: Sequence[int],
    documents: Sequence[str],
    settings: CovarianceSettings,
    report: Report = silent,
) -> dict[int, Tensor]:
    """Estimate C for several layers in one pass over the corpus.

    Args:
        model: unedited.
        layers: whose projections' inputs are averaged.
        documents: the corpus.
        settings: how much of it is read, and the ridge.
        report: told about progress, in documents.

    Raises:
        CorpusError: if the documents have no tokens.
    """
    sums: dict[int, Tensor] = {}
    count = 0
    for done, ids, read in _forwards(model, documents, settings.tokens):
        report(Progress("covariance", done, len(documents)))
        with torch.no_grad(), model.captured_keys(layers) as keys:
            model.run(model.embed(ids), 0, max(layers) + 1)
        count += int(read.sum())
        for layer, captured in keys.items():
            k = captured[read].double()  # (tokens, f)
            moment = k.T @ k
            sums[layer] = sums[layer] + moment if layer in sums else moment
    return {layer: _with_ridge(total / count, count, settings) for layer, total in sums.items()}


def _forwards(
    model: LanguageModel, documents: Sequence[str], tokens: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Documents before, padded ids ``(n, T)`` and which are real, until `tokens` are read."""
    left = tokens
    for start in range(0, len(documents), DOCUMENTS_PER_FORWARD):
        kept = []
        for row in encode_documents(model, documents[start : start + DOCUMENTS_PER_FORWARD]):
            kept.append(row[:left])
            left -= len(kept[-1])
            if left == 0:
                break
        if kept:
            lengths = torch.tensor([len(row) for row in kept], device=model.device)
            ids = pad_right(kept, model.device)
            yield start, ids, torch.arange(ids.shape[1], device=model.device) < lengths[:, None]
        if left == 0:
            return
    if left == tokens:
        raise CorpusError("the covariance's corpus must have at least one token")


def _with_ridge(moment: Tensor, count: int, settings: CovarianceSettings) -> Tensor:
    width = len(moment)
    ridge = settings.ridge
    if ridge is None:
        ridge = DEFAULT_RIDGE if count < FEW_TOKENS * width else 0.0
    scale = moment.diagonal().mean()
    return moment + ridge * scale * torch.eye(width, dtype=moment.dtype, device=moment.device)
