"""The model card of an export: README.md with YAML in front, as the Hugging Face hub reads it.

Names, settings and facts come from files of other people. In Markdown every character of theirs
that could mean anything is an entity; in code and YAML they are quoted by Python and PyYAML.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from greedy_core.inputs.model_config import model_address
from greedy_core.inputs.records import EditRequest
from spaces.scalars import PlainDumper
from spaces.values import inert

Form = Literal["adapter", "merged"]


@dataclass(frozen=True)
class Fact:
    """A fact of the trial's plan."""

    request: EditRequest
    """What was to be written."""
    holds: bool
    """Whether the edited model prefers the new object after the rewrite prompt."""


@dataclass(frozen=True)
class ModelCard:
    """Everything that a card says."""

    form: Form
    """What kind of export lies beside it."""
    folder: str
    """Name of the folder that it is in."""
    model: str
    """The setting `model`: factworld, a folder, or a name on the hub."""
    dtype: str
    """Type that the model was edited in."""
    title: str
    """Which trial of which sweep this is."""
    metrics: Mapping[str, Mapping[str, float | None]]
    """Held-out metrics of this model, the unedited one and the baselines, by who has them."""
    notes: Sequence[str]
    """What else a user has to know, a sentence each."""
    settings: Mapping[str, object]
    """The trial's settings under their dotted keys."""
    facts: Sequence[Fact]
    """In the order in which they were edited."""
    provenance: Mapping[str, object]
    """Where it comes from; plain nested values."""

    def text(self) -> str:
        """The whole card."""
        parts = [
            f"---\n{_yaml(self._front_matter())}---\n",
            f"# {markdown(self.title)}\n",
            f"{self._summary()}\n",
            f"## Load it\n\n{fenced('python', self.loading_code())}",
            f"## Held-out metrics\n\n{_metrics_table(self.metrics)}\n{_CAUTION}",
            *(f"{markdown(note)}\n" for note in self.notes),
            f"## Facts\n\n{_facts_table(self.facts)}",
            f"## Settings\n\n`ratchet edit` takes them as a file.\n\n{self._settings()}",
            f"## Provenance\n\n{fenced('yaml', _yaml(self.provenance))}",
        ]
        return "\n".join(parts)

    def loading_code(self) -> str:
        """Python that loads it in the folder where the export lies, and asks it for a fact."""
        adapter, factworld = self.form == "adapter", self.model == "factworld"
        folder = _literal(self.folder)
        source = "ratchet.factworld.MODEL_DIR" if factworld else _literal(model_address(self.model))
        imports = ["import torch", "from transformers import AutoModelForCausalLM, AutoTokenizer"]
        if adapter:
            imports.insert(1, "from peft import PeftModel")
            imports += ["", "import ratchet"] * factworld
        else:
            source = folder
        # A fact that took shows at once what was written.
        fact = next((fact for fact in self.facts if fact.holds), self.facts[0])
        lines = [
            *imports,
            "",
            f"model = AutoModelForCausalLM.from_pretrained({source}, dtype=torch.{self.dtype})",
            f"tokenizer = AutoTokenizer.from_pretrained({source})",
            *([f"model = PeftModel.from_pretrained(model, {folder})"] * adapter),
            "",
            f'prompt = tokenizer({_literal(fact.request.text)}, return_tensors="pt")',
            "answer = model.generate(**prompt, max_new_tokens=4, do_sample=False)",
            "print(tokenizer.decode(answer[0]))",
        ]
        return "\n".join(lines) + "\n"

    def _front_matter(self) -> dict[str, Any]:
        front: dict[str, Any] = {}
        if self.model != "factworld" and not os.path.isdir(self.model):
            # The hub takes its own names only.
            front["base_model"] = self.model
            front["base_model_relation"] = "adapter" if self.form == "adapter" else "finetune"
        front["library_name"] = "peft" if self.form == "adapter" else "transformers"
        front["pipeline_tag"] = "text-generation"
        tags = ["knowledge-editing", "emmet", "ratchet"]
        front["tags"] = ["lora", *tags] if self.form == "adapter" else tags
        return front

    def _settings(self) -> str:
        return fenced("yaml", _yaml(self.settings))

    def _summary(self) -> str:
        factworld, named = "the factworld model of ratchet-tune", self.settings.get("model")
        base = factworld if self.model == "factworld" else str(named or self.model)
        what = "A LoRA adapter for" if self.form == "adapter" else "A copy of"
        held = sum(fact.holds for fact in self.facts)
        return (
            f"{what} {markdown(base)}, with {len(self.facts)} facts edited into it by greedy steps "
            f"of EMMET. {held} of them hold after their rewrite prompt."
        )


_CAUTION = """\
ES, PS and NS are efficacy, paraphrase and neighborhood success; composite is their weighted mean,
score their harmonic mean, composite_all the composite over all prompts, probes too.

These figures come from the search itself, which chose among many settings on these very prompts.
They are optimistic. `ratchet confirm` measures on records that the search never edited.
"""


def markdown(text: str) -> str:
    """Text that shows as it is in Markdown and HTML, in a table too, and makes no link."""
    return re.sub(r"[^\w\s,.'()/-]|_|(?<=[^\W\d])[.](?=\w)", _entity, inert(text))


def fenced(language: str, code: str) -> str:
    """A block of code under a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}{fence}\n"


def _literal(text: str) -> str:
    """Python's literal for a text, in double quotes where that needs no escapes."""
    literal = repr(text)
    return literal if set("\"'\\") & set(literal[1:-1]) else f'"{literal[1:-1]}"'


def _entity(match: re.Match[str]) -> str:
    character = match.group()
    return f"&#{ord(character)};" if character.isascii() else character


def _metrics_table(rows: Mapping[str, Mapping[str, float | None]]) -> str:
    columns = list(next(iter(rows.values())))
    head = [["", *columns], ["---", *["---:"] * len(columns)]]
    body = [
        [markdown(name), *("" if values.get(c) is None else f"{values[c]:.4f}" for c in columns)]
        for name, values in rows.items()
    ]
    return _table([*head, *body])


def _facts_table(facts: Sequence[Fact]) -> str:
    head = [["subject", "prompt", "old object", "new object", "holds"], ["---"] * 5]
    body = [
        [
            *map(
                markdown,
                (
                    fact.request.subject,
                    fact.request.text,
                    fact.request.target_true,
                    fact.request.target_new,
                ),
            ),
            "yes" if fact.holds else "no",
        ]
        for fact in facts
    ]
    return _table([*head, *body])


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _yaml(values: Mapping[str, object]) -> str:
    return yaml.dump(dict(values), Dumper=_Plain, sort_keys=False, width=100)


class _Plain(PlainDumper):
    """Lists on one line, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_inline(self, data: Sequence[object]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_Plain.add_representer(list, _Plain.represent_inline)
_Plain.add_representer(tuple, _Plain.represent_inline)
