"""Which prompts are probes: properties over invented datasets, and the published records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from greedy_core.inputs.counterfact import read_counterfact
from greedy_core.inputs.prompt_split import PromptSplit, split_prompts
from greedy_core.inputs.records import EditRecord, EditRequest


def record(
    case_id: int,
    neighbors: Sequence[str],
    paraphrases: Sequence[str] = (),
    subject: str = "Nobody",
    relation: str | None = "P1",
) -> EditRecord:
    request = EditRequest(case_id, subject, "{} is", "new", "true", relation)
    return EditRecord(request, tuple(paraphrases), tuple(neighbors))


def split(records: Sequence[EditRecord]) -> list[PromptSplit]:
    return split_prompts(records, records)


texts = st.lists(st.sampled_from([f"prompt {n}" for n in range(12)]), max_size=6)
datasets = st.lists(texts, min_size=1, max_size=8).map(
    lambda lists: [record(n, prompts) for n, prompts in enumerate(lists)]
)


@given(datasets)
def test_no_text_is_a_probe_here_and_held_out_there(records: list[EditRecord]) -> None:
    splits = split(records)
    probes = {text for one in splits for text in one.probe_neighbors}
    held_out = {text for one in splits for text in one.held_out_neighbors}
    assert not probes & held_out
    for one in splits:
        kept = one.probe_neighbors + one.held_out_neighbors
        assert sorted(kept) == sorted({*one.record.neighborhood_prompts})


any_text = st.sampled_from([f"{subject} is" for subject in "ABCDEF"])
any_texts = st.lists(any_text, max_size=5)
mixed = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), any_texts, any_texts, st.sampled_from(["P1", "P2", None])),
    min_size=1,
    max_size=6,
).map(
    lambda rows: [
        record(n, neighbors, paraphrases, subject, relation)
        for n, (subject, paraphrases, neighbors, relation) in enumerate(rows)
    ]
)


@given(mixed, st.integers(1, 6))
def test_nothing_that_a_plan_probes_is_held_out_in_it_whatever_its_kind_and_record(
    records: list[EditRecord], edits: int
) -> None:
    splits = split_prompts(records, records[:edits])
    probes = {text for one in splits for text in one.probes}
    for one in splits:
        held_out = one.held_out_paraphrases + one.held_out_neighbors
        assert not probes & {*held_out}
        shown = (*one.probe_paraphrases, *one.probe_neighbors, *held_out)
        for kind in (one.record.paraphrase_prompts, one.record.neighborhood_prompts):
            assert {*kind} <= {*shown, *one.asked_elsewhere} or one.contradicted
        left_out = len(one.asked_elsewhere) + len(one.repeated) + one.contradicted
        given_prompts = one.record.paraphrase_prompts + one.record.neighborhood_prompts
        assert len(shown) + left_out == len(given_prompts)


@given(mixed)
def test_no_neighbor_asks_for_an_edited_fact_in_its_own_words(records: list[EditRecord]) -> None:
    splits = split(records)
    facts = {t for one in splits for t in (one.request.text, *one.record.paraphrase_prompts)}
    assert not facts & {t for one in splits for t in one.probe_neighbors + one.held_out_neighbors}


@given(datasets)
def test_record_of_one_kind_only_cannot_be_repaired_without_breaking_another(
    records: list[EditRecord],
) -> None:
    probes = {text for one in split(records) for text in one.probe_neighbors}
    lists = [set(one.neighborhood_prompts) for one in records]

    def one_sided(probes: set[str]) -> set[int]:
        return {
            number
            for number, prompts in enumerate(lists)
            if len(prompts) > 1 and len(prompts & probes) in (0, len(prompts))
        }

    for number in one_sided(probes):
        for text in lists[number]:
            assert one_sided(probes ^ {text}) - one_sided(probes)


@given(datasets, st.data())
def test_split_of_a_record_does_not_depend_on_which_others_are_edited(
    records: list[EditRecord], data: st.DataObject
) -> None:
    edited = data.draw(st.lists(st.sampled_from(records), unique=True, max_size=len(records)))
    known = {one.record.case_id: one for one in split(records)}
    for one in split_prompts(records, edited):
        assert one == known[one.record.case_id]


def test_records_with_private_prompts_have_both_kinds() -> None:
    records = [record(n, [f"{n} a", f"{n} b"]) for n in range(50)]
    for one in split(records):
        assert len(one.probe_neighbors) == len(one.held_out_neighbors) == 1


def test_first_paraphrase_is_the_probe_and_never_held_out() -> None:
    [one] = split([record(0, [], ["a", "b", "a", "c"])])
    assert one.probe_paraphrases == ("a",)
    assert one.held_out_paraphrases == ("b", "c")


def test_a_paraphrase_that_is_the_rewrite_prompt_is_never_held_out() -> None:
    [one] = split([record(0, [], ["a", "Nobody is", "b"])])
    assert (one.probe_paraphrases, one.held_out_paraphrases) == (("a",), ("b",))
    assert one.asked_elsewhere == ("Nobody is",)


def test_what_is_a_probe_of_another_record_is_not_held_out() -> None:
    first, second = split([record(0, [], ["a", "b"]), record(1, [], ["b", "a"], "Somebody")])
    assert first.probe_paraphrases == ("a",) and second.probe_paraphrases == ("b",)
    assert first.held_out_paraphrases == second.held_out_paraphrases == ()
    assert (first.asked_elsewhere, second.asked_elsewhere) == (("b",), ("a",))


def test_what_another_plan_asked_for_its_facts_is_no_held_out_paraphrase() -> None:
    records = [record(0, [], ["a", "b"]), record(1, [], ["c", "a", "Nobody is", "d"], "Somebody")]
    before = split_prompts(records, records[:1])
    [one] = split_prompts(records, records[1:], before)
    assert (one.probe_paraphrases, one.held_out_paraphrases) == (("c",), ("d",))


def test_a_prompt_that_a_record_lists_twice_counts_once() -> None:
    [one] = split([record(0, ["x", "y", "x", "x"], ["a", "b", "b"])])
    assert sorted(one.probe_neighbors + one.held_out_neighbors) == ["x", "y"]
    assert (one.held_out_paraphrases, one.repeated) == (("b",), ("b", "x", "x"))


def test_prompts_that_differ_in_case_are_two() -> None:
    [one] = split([record(0, [], ["a", "nobody is", "A"])])
    assert one.held_out_paraphrases == ("nobody is", "A")


def test_record_without_prompts_has_none_of_either_kind() -> None:
    [one] = split([record(0, [])])
    assert not one.probe_paraphrases + one.held_out_paraphrases
    assert not one.probe_neighbors + one.held_out_neighbors


def test_prompts_about_edited_facts_are_left_out_and_counted() -> None:
    records = [
        record(0, ["Ann Lee speaks", "Ann Leeds speaks", "Bob speaks", "Zed-Bob speaks"]),
        record(1, ["Joe speaks"], subject="Ann Lee"),
        record(2, ["Ann Lee lives in"], subject="Bob", relation="P2"),
    ]
    first, second, third = split(records)
    kept = {*first.probe_neighbors, *first.held_out_neighbors}
    # Bob is edited in another relation, Ann Leeds is somebody else.
    assert kept == {"Ann Leeds speaks", "Bob speaks", "Zed-Bob speaks"}
    assert (first.contradicted, second.contradicted, third.contradicted) == (1, 0, 0)


def test_prompts_about_facts_that_are_not_edited_stay() -> None:
    records = [record(0, ["Ann Lee speaks"]), record(1, [], subject="Ann Lee")]
    [one] = split_prompts(records, records[:1])
    assert one.contradicted == 0


def test_published_records(shared_data: Callable[[str], Path]) -> None:
    records = read_counterfact(shared_data("counterfact/counterfact_300.json"))
    splits = split(records)
    assert sum(one.contradicted for one in splits) == 23
    assert [one.repeated for one in splits if one.repeated] == [
        ("Bentley Mulsanne is created by",),
        ("Melbourne, which is named for",),
    ]
    assert not any(one.asked_elsewhere for one in splits)
    probes = {text for one in splits for text in one.probe_neighbors}
    assert not probes & {text for one in splits for text in one.held_out_neighbors}
    for one in splits:
        assert one.probe_neighbors and one.held_out_neighbors
        assert len(one.probe_paraphrases) == len(one.held_out_paraphrases) == 1
