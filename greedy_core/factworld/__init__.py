"""The embedded default: an invented world of people and a small GPT-2 that was taught it.

``biographies`` is a sample of the texts that the model learned, ``counterfact_records`` its facts
in CounterFact's JSON layout, ``MODEL_DIR`` the folder with the weights and the tokenizer, which
``transformers`` loads like any other. ``python -m greedy_core.teaching.train`` makes the folder.
Nothing here is special to an edit: it goes the way of any other model and dataset.
"""

from __future__ import annotations

from pathlib import Path

from greedy_core.factworld.world import biographies, counterfact_records

__all__ = ["MODEL_DIR", "biographies", "counterfact_records"]

MODEL_DIR = Path(__file__).parent / "model"
"""The shipped model, for ``from_pretrained``."""
