"""A card shows what strangers wrote, and obeys none of it."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from greedy_core.inputs.records import EditRequest
from search.export.model_card import Fact, ModelCard, fenced, markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b | c",
    "[click](http://evil.example) ![x](y)",
    "www.evil.example and http://evil.example",
    "**bold** _it_ `code` ~~no~~ # head $x$",
    "&lt;b&gt; \\| \\",
    "Zürich, St. Louis (São Paulo) 日本",
]


class Page(HTMLParser):
    """The tags of a page, and the text of its table cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def rendered(text: str) -> Page:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Page(reader.render(text))


def card(text: str = "Ann", **changed: Any) -> ModelCard:
    request = EditRequest(1, text, "{} is", text, "old")
    content: dict[str, Any] = {
        "form": "adapter",
        "folder": "out",
        "model": "gpt2-xl",
        "dtype": "float32",
        "title": text,
        "metrics": {text: {"composite": 0.5, "ns": None}},
        "notes": [text],
        "settings": {"model": text, "greedy.steps": 4, "layers": (0, 1)},
        "facts": [Fact(request, True)],
        "provenance": {"sweep": {"name": text}},
    }
    return ModelCard(**{**content, **changed})


@pytest.mark.parametrize("text", HOSTILE)
def test_text_shows_as_it_is(text: str) -> None:
    page = rendered(f"| head |\n| --- |\n| {markdown(text)} |\n")
    assert page.cells == [text]
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert not re.search(r"www\.|://", markdown(text))


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert rendered(markdown("a\x1b[2J\nb\u202e")).tags == {"p"}
    assert markdown("a\x1b\n\u202e").isprintable()


@pytest.mark.parametrize("text", [*HOSTILE, "```\n# out\n", "'\"\n\x1b---\n"])
def test_no_text_leaves_its_place_in_a_card(text: str) -> None:
    written, plain = card(text).text(), card().text()
    assert rendered(body(written)).tags == rendered(body(plain)).tags
    assert written.count("\n## ") == plain.count("\n## ")
    blocks = MarkdownIt("commonmark").parse(body(written))
    fences = [each.content for each in blocks if each.type == "fence"]
    assert len(fences) == 3
    ast.parse(fences[0])
    assert yaml.safe_load(fences[1])["model"] == text
    assert yaml.safe_load(fences[2]) == {"sweep": {"name": text}}


def body(text: str) -> str:
    return text.split("---\n", 2)[2]


def test_a_fence_is_longer_than_any_run_in_its_code() -> None:
    assert fenced("yaml", "a: ````\n") == "`````yaml\na: ````\n`````\n"


@pytest.mark.parametrize(
    ("form", "model", "expected"),
    [
        ("adapter", "gpt2-xl", {"base_model": "gpt2-xl", "base_model_relation": "adapter"}),
        ("merged", "meta/llama", {"base_model": "meta/llama", "base_model_relation": "finetune"}),
        ("adapter", "factworld", {}),
        ("merged", ".", {}),
    ],
)
def test_the_hub_is_told_names_of_the_hub_only(
    form: str, model: str, expected: dict[str, str]
) -> None:
    front = yaml.safe_load(card(form=form, model=model).text().split("---\n")[1])
    assert {key: value for key, value in front.items() if key.startswith("base")} == expected
    assert front["library_name"] == ("peft" if form == "adapter" else "transformers")


def test_the_code_names_the_model_that_the_adapter_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    assert 'from_pretrained("gpt2-xl", dtype=torch.float32)' in card().loading_code()
    assert "from_pretrained(ratchet.factworld.MODEL_DIR, " in card(model="factworld").loading_code()
    assert f'from_pretrained("{tmp_path}/base", dtype' in card(model="base").loading_code()
    merged = card(form="merged", dtype="bfloat16").loading_code()
    assert 'from_pretrained("out", dtype=torch.bfloat16)' in merged and "peft" not in merged
