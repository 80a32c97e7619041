"""The world's tokenizer: a byte-level BPE, learned from the biographies.

Names and objects are single tokens, with and without their leading space: their merges are
learned from a word list in which each of them is common.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from greedy_core.factworld.pools import FIRST_NAMES, RELATIONS, SURNAME_HEADS, SURNAME_TAILS
from greedy_core.factworld.world import biographies

VOCABULARY_SIZE = 1200
END_OF_TEXT = "<|endoftext|>"
WORD_REPEATS = 500


def content_words() -> list[str]:
    """First names, surnames and objects: the words that must be single tokens."""
    surnames = [head + tail for head in SURNAME_HEADS for tail in SURNAME_TAILS]
    objects = [obj for relation in RELATIONS for obj in relation.objects]
    return [first for first, _ in FIRST_NAMES] + surnames + objects


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Learn the tokenizer; the same words and the same ``tokenizers`` give the same result."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_texts(), trainer=trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


def _training_texts() -> Iterator[str]:
    yield from biographies()
    for word in content_words():
        yield f" {word}" * WORD_REPEATS
    for first, _ in FIRST_NAMES:
        for _ in range(WORD_REPEATS):
            yield first
