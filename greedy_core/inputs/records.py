"""Records and requests in the terms of CounterFact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EditRequest:
    """One fact to write: after "prompt with the subject", say target_new instead of target_true."""

    case_id: int
    """The record's number in its dataset."""
    subject: str
    """What the fact is about; takes the place of "{}" in the prompt."""
    prompt: str
    """Text with one "{}"."""
    target_new: str
    """The object to write, without a leading space."""
    target_true: str
    """The object that the model should know now, without a leading space."""
    relation: str | None = None
    """Identifier of the relation, where the dataset names one."""

    @property
    def prefix(self) -> str:
        """The text before the subject."""
        return self.prompt.partition("{}")[0]

    @property
    def suffix(self) -> str:
        """The text after the subject."""
        return self.prompt.partition("{}")[2]

    @property
    def text(self) -> str:
        """The prompt with its subject: the rewrite prompt."""
        return self.prefix + self.subject + self.suffix


@dataclass(frozen=True)
class EditRecord:
    """A request with the prompts that measure what writing it did."""

    request: EditRequest
    """The fact to write."""
    paraphrase_prompts: tuple[str, ...]
    """Other ways to ask for the fact."""
    neighborhood_prompts: tuple[str, ...]
    """Prompts about other subjects that share the true object, and should keep it."""

    @property
    def case_id(self) -> int:
        """The record's number in its dataset."""
        return self.request.case_id
