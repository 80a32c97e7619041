"""Where the tokens of a tree stand: a model has to be told, since they do not form plain rows.

Shapes: C trees of N tokens, P tokens that were run before them, d width of the residual stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class KeyValues:
    """What attention reads of tokens that were run before; stands in for a Hugging Face cache.

    The first run fills it. Once it is `complete`, runs of later tokens read it and leave it alone.
    """

    complete: bool = False
    """Whether all is kept: tokens that run now come after the kept ones, and are not kept."""
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """By block: keys and values, each ``(C, heads, P, d / heads)``."""

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Called by a block's attention with the keys and values of the tokens that run now."""
        if not self.complete:
            self.kept[layer] = keys, values
            return keys, values
        before_keys, before_values = self.kept[layer]
        return torch.cat([before_keys, keys], dim=2), torch.cat([before_values, values], dim=2)


@dataclass(frozen=True)
class Tree:
    """C rows of tokens of which each sees its ancestors, from `greedy_core.model.token_tree`."""

    positions: Tensor
    """Position of each token in its rows, ``(C, N)``."""
    mask: Tensor
    """Added to attention's logits, ``(C, 1, N, P + N)``: 0 for ancestors and itself, else -inf."""
    before: KeyValues | None = None
    """The P tokens that were run before, where the mask has columns for them."""
