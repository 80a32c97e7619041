"""Which records are edited, which are reserved; inputs and corpora."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from greedy_core.errors import CorpusError, InputError, RecordsError, SettingsError
from greedy_core.inputs.corpus import load_corpus
from greedy_core.inputs.edit_inputs import notes, read_inputs
from greedy_core.inputs.records import EditRecord, EditRequest
from greedy_core.inputs.selection import load_records, select
from greedy_core.settings import CovarianceSettings, EditSettings
from greedy_core.walk.probe_signal import probed_requests

CONFIG = {"model_type": "gpt2", "n_layer": 3}


def records(count: int, neighbors: tuple[str, ...] = ("a", "b")) -> list[EditRecord]:
    return [
        EditRecord(EditRequest(n, f"S{n}", "{} is", "new", "true"), ("p", "q"), neighbors)
        for n in range(count)
    ]


def chosen(**changed: Any) -> EditSettings:
    return EditSettings(**{"edits": 4, "batch_size": 2, "layers": (0,), **changed})


def edited(selection: Any) -> list[int]:
    return [split.record.case_id for split in selection.edited]


@pytest.mark.parametrize(
    ("confirm", "count", "reserved"), [(None, 30, 20), (None, 9, 5), (0, 30, 0), (26, 30, 26)]
)
def test_reserved_records_are_what_is_left_at_most_five_times_the_edits(
    confirm: int | None, count: int, reserved: int
) -> None:
    selection = select(records(count), chosen(confirm_records=confirm))
    assert len(selection.edited) == 4
    assert len(selection.reserved) == reserved
    assert not set(edited(selection)) & {record.case_id for record in selection.reserved}


def test_order_depends_on_seed_and_case_id_alone() -> None:
    forward = select(records(30), chosen())
    backward = select(records(30)[::-1], chosen())
    assert edited(forward) == edited(backward)
    assert edited(forward) != edited(select(records(30), chosen(seed=1)))


def test_fewer_edits_are_the_first_of_more() -> None:
    assert edited(select(records(30), chosen())) == edited(select(records(30), chosen(edits=8)))[:4]


@pytest.mark.parametrize(("edits", "size", "lengths"), [(5, 2, [2, 2, 1]), (3, 8, [3])])
def test_last_batch_may_be_smaller(edits: int, size: int, lengths: list[int]) -> None:
    batches = select(records(30), chosen(edits=edits)).batches(size)
    assert [len(batch) for batch in batches] == lengths


@pytest.mark.parametrize("changed", [{"edits": 31}, {"edits": 20, "confirm_records": 11}])
def test_dataset_that_is_too_small(changed: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"edits \+ confirm_records <= records"):
        select(records(30), chosen(**changed))


def test_a_byte_order_mark_and_line_ends_change_no_digest_of_a_corpus(tmp_path: Path) -> None:
    digests = set()
    for content in (b"one\ntwo", b"\xef\xbb\xbfone\r\ntwo\r\n", b" one \r\rtwo"):
        (tmp_path / "corpus.txt").write_bytes(content)
        settings = chosen(covariance=CovarianceSettings(corpus=str(tmp_path / "corpus.txt")))
        digests.add(load_corpus(settings, []).digest)
    assert len(digests) == 1


def test_digests_are_those_of_before_where_no_prompt_is_left_out() -> None:
    """Sweeps that were begun then can be resumed."""
    digest = "943b75112937c8527235df6b5b7cc403d4b9ef400c80e1f41f59354fbf779b9b"
    assert select(load_records("factworld"), EditSettings()).digest == digest


@pytest.mark.parametrize(
    ("paraphrases", "neighbors"),
    [(("p", "S1 is"), ("a", "b")), (("p", "q", "q"), ("a", "b")), (("p", "q"), ("a", "b", "b"))],
)
def test_a_prompt_that_does_not_count_is_part_of_the_digest(
    paraphrases: tuple[str, ...], neighbors: tuple[str, ...]
) -> None:
    """Sweeps of before counted it, and do not go on without."""
    changed = [replace(r, paraphrase_prompts=paraphrases) for r in records(4, neighbors)]
    selection = select(changed, chosen())
    assert selection.digest != sha256(repr(changed).encode()).hexdigest()


def test_digest_follows_content() -> None:
    plain = select(records(30), chosen()).digest
    assert plain == select(records(30), chosen(seed=1)).digest
    assert plain != select(records(30, ("a", "c")), chosen()).digest


@pytest.mark.parametrize(("asked", "count"), [(None, 6), (6, 6), (2, 2), (1, 1)])
def test_probed_requests_are_the_first_in_seeded_order(asked: int | None, count: int) -> None:
    case_ids = [4, 9, 2, 7, 30, 11]
    probed = probed_requests(case_ids, asked, 3)
    assert len(probed) == count
    assert set(probed) <= set(probed_requests(case_ids, None, 3))
    turned = probed_requests(case_ids[::-1], asked, 3)
    assert {case_ids[i] for i in probed} == {case_ids[::-1][i] for i in turned}


def test_probed_requests_depend_on_the_seed() -> None:
    assert len({tuple(probed_requests(range(20), 3, seed)) for seed in range(10)}) > 5


def dataset(path: Path, **changed: Any) -> str:
    entries = [
        {
            "case_id": n,
            "requested_rewrite": {
                "prompt": "{} is",
                "subject": f"S{n}",
                "target_new": {"str": "new"},
                "target_true": {"str": "true"},
            },
            "paraphrase_prompts": ["p", "q"],
            "neighborhood_prompts": ["a", "b"],
            **changed,
        }
        for n in range(5)
    ]
    file = path / "records.json"
    file.write_text(json.dumps(entries))
    return str(file)


def test_inputs_are_resolved_and_read(tmp_path: Path) -> None:
    inputs = read_inputs(chosen(dataset=dataset(tmp_path), model="x", layers=None), CONFIG)
    assert inputs.settings.layers == (0,)
    assert None not in vars(inputs.settings.values).values()
    assert len(inputs.selection.edited) == 4
    assert inputs.corpus.documents[:3] == ("S0 is true.", "p true.", "q true.")


@pytest.mark.parametrize(
    ("prompts", "weights", "dropped"),
    [
        ({}, (1.0, 1.0, 1.0), []),
        ({"paraphrase_prompts": []}, (1.0, 1.0, 1.0), ["paraphrase"]),
        ({"paraphrase_prompts": ["only one"]}, (1.0, 1.0, 1.0), ["paraphrase"]),
        ({"neighborhood_prompts": []}, (0.0, 1.0, 1.0), ["neighborhood"]),
    ],
)
def test_kinds_that_no_record_has_are_named(
    tmp_path: Path,
    prompts: dict[str, Any],
    weights: tuple[float, float, float],
    dropped: list[str],
) -> None:
    settings = chosen(dataset=dataset(tmp_path, **prompts), composite_weights=weights)
    said = notes(read_inputs(settings, CONFIG).selection)
    assert said == [
        f"no edited record has held-out {kind} prompts: their weight drops out" for kind in dropped
    ]


def test_records_without_anything_that_counts_are_refused(tmp_path: Path) -> None:
    settings = chosen(
        dataset=dataset(tmp_path, paraphrase_prompts=[]), composite_weights=(0.0, 1.0, 0.0)
    )
    with pytest.raises(RecordsError, match="kind with a weight above 0"):
        read_inputs(settings, CONFIG)


def test_contradicted_prompts_are_counted(tmp_path: Path) -> None:
    settings = chosen(dataset=dataset(tmp_path, neighborhood_prompts=["S1 is", "b", "c"]), edits=5)
    note = notes(read_inputs(settings, CONFIG).selection)[0]
    assert note.startswith("5 neighborhood prompts ask for a fact that is itself edited")


@pytest.mark.parametrize(
    ("prompts", "note"),
    [
        (
            {"paraphrase_prompts": ["p", "p ", "q"]},
            "4 prompts repeat an earlier one of their record; they count once",
        ),
        (
            {"paraphrase_prompts": ["p", "q", "S1 is\u00a0"], "neighborhood_prompts": ["a", "p"]},
            "8 prompts are left out, because what is edited or probed has the same text",
        ),
    ],
)
def test_prompts_that_are_left_out_are_counted(
    tmp_path: Path, prompts: dict[str, Any], note: str
) -> None:
    settings = chosen(dataset=dataset(tmp_path, **prompts), seed=1)
    selection = read_inputs(settings, CONFIG).selection
    assert 1 in edited(selection)
    assert notes(selection)[0] == note


def digest_of(path: Path) -> str:
    settings = chosen(dataset=str(path), edits=1, batch_size=1)
    return read_inputs(settings, CONFIG).selection.digest


def test_a_byte_order_mark_changes_no_digest(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    marked = shared_data("cases/bom.json")
    content = marked.read_bytes()
    (tmp_path / "plain.json").write_bytes(content.removeprefix(b"\xef\xbb\xbf"))
    assert content.startswith(b"\xef\xbb\xbf")
    assert digest_of(marked) == digest_of(tmp_path / "plain.json")


def test_a_space_at_the_end_of_a_prompt_changes_nothing(shared_data: Callable[[str], Path]) -> None:
    clean, spaced = (shared_data(f"cases/prompt_{n}.json") for n in ("clean", "trailing_space"))
    assert clean.read_bytes() != spaced.read_bytes()
    assert load_records(str(clean)) == load_records(str(spaced))
    assert digest_of(clean) == digest_of(spaced)


@pytest.mark.parametrize(
    ("case", "edits", "note"),
    [
        ("neighbors_differ_by_space", 1, "2 prompts repeat an earlier one of their record"),
        ("paraphrase_is_rewrite", 4, "4 prompts are left out, because what is edited or probed"),
        ("held_out_is_anothers_probe", 2, "2 prompts are left out, because what is edited or prob"),
    ],
)
def test_what_is_held_out_is_probed_nowhere(
    shared_data: Callable[[str], Path], case: str, edits: int, note: str
) -> None:
    settings = chosen(dataset=str(shared_data(f"cases/{case}.json")), edits=edits, batch_size=1)
    selection = read_inputs(settings, CONFIG).selection
    probes = {text for split in selection.edited for text in split.probes}
    held_out = {
        text
        for split in selection.edited
        for text in split.held_out_paraphrases + split.held_out_neighbors
    }
    assert not probes & held_out
    assert notes(selection)[0].startswith(note)


def test_factworld_is_a_dataset_with_a_corpus() -> None:
    settings = EditSettings()
    read = load_records("factworld")
    assert len(read) == 160
    assert len(load_corpus(settings, read).documents) == 2400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"\xff\xff", "not UTF-8 text: byte 0xff on line 1 is none; is it Latin-1"),
        ("text".encode("utf-16"), "not UTF-8 text: it looks like UTF-16"),
        ("text".encode("utf-16-le"), "not UTF-8 text: it looks like UTF-16-LE"),
        ("\u6587\u66f8\ntext".encode("utf-16-le"), "not UTF-8 text|holds a NUL"),
        (b"one\ntw\0o", "must be text, but line 2 holds a NUL"),
        (b"\n \n", "at least one line of text"),
        ("\ufeff\u200b\n\u3000".encode(), "at least one line of text"),
    ],
)
def test_corpora_that_cannot_be_used(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "corpus.txt"
    if content is not None:
        path.write_bytes(content)
    settings = chosen(covariance=CovarianceSettings(corpus=str(path)))
    with pytest.raises(CorpusError, match=message) as caught:
        load_corpus(settings, [])
    assert isinstance(caught.value, InputError)
    assert str(path) in str(caught.value)


def test_corpus_has_one_document_a_line(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes("\ufeff first\u00a0\r\n\nsecond\x0cstill second\u2028and on\n".encode())
    settings = chosen(covariance=CovarianceSettings(corpus=str(path)))
    corpus = load_corpus(settings, [])
    assert corpus.documents == ("first", "second\x0cstill second\u2028and on")
    assert corpus.digest != load_corpus(chosen(dataset="x"), records(2)).digest
