"""The trainable, under the name by which other people's code imports it."""

from search.tune.trainable import GreedyEditTrainable

__all__ = ["GreedyEditTrainable"]
