"""Whether a model can read every text of the records that are edited, before anything is computed.

Whatever is wrong would otherwise come up far from its cause, in the middle of a walk, or never: two
targets with the same tokens are a tie that no edit can break.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greedy_core.emmet.contexts import CONTEXTS
from greedy_core.errors import RecordsError
from greedy_core.inputs.counterfact import MOST_FAULTS
from greedy_core.inputs.prompt_split import PromptSplit
from greedy_core.inputs.records import EditRequest
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.tokens import encode_edit, encode_subject, encode_target
from greedy_core.model.vocabulary import unspelled


def check_prompts(splits: Sequence[PromptSplit], model: LanguageModel) -> None:
    """Tokenize everything that scoring, keys and target values will.

    Raises:
        RecordsError: a line for each record and text that does not fit the model's context, has no
            token where one is needed, or has one that the model does not know; and one line for
            all texts that the tokenizer cannot spell.
    """
    faults: list[str] = []
    for split in splits:
        for check in (_check_contexts, _check_targets):
            try:
                check(split, model)
            except RecordsError as error:
                faults += [f"case_id {split.request.case_id}: {fault}" for fault in error.faults]
    # A text without tokens is told above, and cannot be spelled either.
    if faults := faults[:MOST_FAULTS] or _lost(splits, model):
        raise RecordsError(faults)


def _check_targets(split: PromptSplit, model: LanguageModel) -> None:
    """Every prompt with both targets, as scoring reads them."""
    faults: list[str] = []
    request = split.request
    for prompt in _prompts(split):
        try:
            new, true = (
                encode_target(model, prompt, target)
                for target in (request.target_new, request.target_true)
            )
        except RecordsError as error:
            faults += error.faults
            continue
        if new == true:
            faults.append(
                f"prompt {prompt!r:.80}: target_new and target_true must differ in tokens, but "
                f"got {request.target_new!r:.40} and {request.target_true!r:.40}"
            )
    if faults:
        raise RecordsError(faults)


def _check_contexts(split: PromptSplit, model: LanguageModel) -> None:
    """The request in every context, as keys and target values read it: longer than bare."""
    request = split.request
    encode_target(model, request.text, request.target_new)
    for context in CONTEXTS:
        encode_edit(model, context, request)
    encode_subject(model, "", request.subject, " is a")


def _lost(splits: Sequence[PromptSplit], model: LanguageModel) -> list[str]:
    """One line about all texts of which the tokenizer loses characters."""
    texts = [(split.request, text) for split in splits for text in _texts(split)]
    found = [
        (request, text, lost)
        for request, text in texts
        if (lost := unspelled(model.tokenizer, text))
    ]
    if not found:
        return []
    request, text, lost = found[0]
    return [
        "the model's tokenizer must spell every prompt with its targets, but it has no tokens for "
        f"a part of {len(found)} of {len(texts)}; the first is case_id {request.case_id}, "
        f"{text!r:.80}: {lost!r:.40}"
    ]


def _texts(split: PromptSplit) -> Iterator[str]:
    request: EditRequest = split.request
    for prompt in _prompts(split):
        for target in (request.target_new, request.target_true):
            yield f"{prompt} {target}"


def _prompts(split: PromptSplit) -> tuple[str, ...]:
    return (
        split.request.text,
        *split.probe_paraphrases,
        *split.held_out_paraphrases,
        *split.probe_neighbors,
        *split.held_out_neighbors,
    )
