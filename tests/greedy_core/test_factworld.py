"""The invented world: its size, its records, and that it never changes."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter

import pytest

from greedy_core.factworld import biographies, counterfact_records
from greedy_core.factworld.pools import FIRST_NAMES, RELATIONS
from greedy_core.factworld.world import FACTS_PER_PERSON, Fact, biography, facts, people

WORLD_DIGEST = "b0df2e2678c9de3c259f75d69ec94adc47097b272d0595235a5c6dfba0f44610"


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return counterfact_records()


@pytest.fixture(scope="module")
def stated_by() -> dict[str, Fact]:
    """Every prompt that states a fact by name, and the fact."""
    return {fact.prompt(phrasing): fact for fact in facts() for phrasing in range(4)}


def test_world_has_the_stated_size() -> None:
    assert len(people()) == 160
    assert len(facts()) == 640
    assert len(RELATIONS) == 6
    assert len(FIRST_NAMES) == 12
    for relation in RELATIONS:
        assert len(relation.phrasings) == 4
        assert len(set(relation.objects)) == 16


def test_people_differ_in_their_surname_and_in_their_relations() -> None:
    assert len({person.subject.split()[1] for person in people()}) == 160
    for person in people():
        assert len({fact.relation.relation_id for fact in person.facts}) == FACTS_PER_PERSON
        assert {fact.subject for fact in person.facts} == {person.subject}


def test_objects_are_shared_evenly() -> None:
    holders = Counter((fact.relation.relation_id, fact.obj) for fact in facts())
    assert len(holders) == 6 * 16
    assert min(holders.values()) >= 5
    assert max(holders.values()) <= 7


def test_prompts_state_one_fact_each(stated_by: dict[str, Fact]) -> None:
    assert len(stated_by) == 640 * 4
    for phrasing in (phrasing for relation in RELATIONS for phrasing in relation.phrasings):
        assert phrasing.named.count("{}") == 1


def test_records_have_counterfacts_layout(records: list[dict]) -> None:
    assert [record["case_id"] for record in records] == list(range(160))
    for record in records:
        assert list(record) == [
            "case_id",
            "requested_rewrite",
            "paraphrase_prompts",
            "neighborhood_prompts",
        ]
        rewrite = record["requested_rewrite"]
        assert list(rewrite) == ["prompt", "relation_id", "target_new", "target_true", "subject"]
        assert rewrite["prompt"].count("{}") == 1
        assert rewrite["target_new"]["str"] != rewrite["target_true"]["str"]
    assert json.loads(json.dumps(records)) == records
    assert len({record["requested_rewrite"]["subject"] for record in records}) == 160


def test_rewrites_are_true_before_and_of_the_same_kind_after(
    records: list[dict], stated_by: dict[str, Fact]
) -> None:
    for record in records:
        rewrite = record["requested_rewrite"]
        fact = stated_by[rewrite["prompt"].format(rewrite["subject"])]
        assert fact.obj == rewrite["target_true"]["str"]
        assert fact.relation.relation_id == rewrite["relation_id"]
        assert rewrite["target_new"]["str"] in fact.relation.objects


def test_relations_are_edited_about_equally_often(records: list[dict]) -> None:
    edited = Counter(record["requested_rewrite"]["relation_id"] for record in records)
    assert len(edited) == 6
    assert max(edited.values()) - min(edited.values()) <= 1


def test_paraphrases_are_the_other_phrasings(
    records: list[dict], stated_by: dict[str, Fact]
) -> None:
    with_sentence = 0
    for record in records:
        rewrite = record["requested_rewrite"]
        own = stated_by[rewrite["prompt"].format(rewrite["subject"])]
        found = set()
        for paraphrase in record["paraphrase_prompts"]:
            sentence, _, rest = paraphrase.rpartition(". ")
            with_sentence += bool(sentence)
            assert stated_by[rest] == own
            found.add(rest)
        assert found == {own.prompt(phrasing) for phrasing in (1, 2, 3)}
    assert 0.3 < with_sentence / (3 * len(records)) < 0.7


def test_neighbors_are_true_and_other_people(
    records: list[dict], stated_by: dict[str, Fact]
) -> None:
    for record in records:
        rewrite = record["requested_rewrite"]
        prompts = record["neighborhood_prompts"]
        assert len(prompts) == 10
        assert len(set(prompts)) == len(prompts)
        neighbors = [stated_by[prompt] for prompt in prompts]
        assert {fact.obj for fact in neighbors} == {rewrite["target_true"]["str"]}
        assert {fact.relation.relation_id for fact in neighbors} == {rewrite["relation_id"]}
        subjects = {fact.subject for fact in neighbors}
        assert len(subjects) >= 4
        assert rewrite["subject"] not in subjects


def test_biographies_speak_of_everybody_and_only_the_truth() -> None:
    texts = biographies()
    assert len(texts) == 2400
    true = {f"{prompt} {fact.obj}." for fact in facts() for prompt in map(fact.prompt, range(4))}
    everybody = people()
    for index, text in enumerate(texts):
        person = everybody[index % len(everybody)]
        assert person.subject in text
        others = [other.subject for other in everybody if other.subject in text]
        assert others == [person.subject]
        assert any(sentence in text for sentence in true)


def test_biography_follows_from_its_generator() -> None:
    person = people()[0]
    assert biography(person, random.Random(3)) == biography(person, random.Random(3))
    assert biography(person, random.Random(3)) != biography(person, random.Random(4))


def test_world_is_the_one_that_the_model_was_taught() -> None:
    world = json.dumps([counterfact_records(), biographies()])
    assert hashlib.sha256(world.encode()).hexdigest() == WORLD_DIGEST


def test_import_needs_neither_torch_nor_transformers() -> None:
    script = (
        "import sys, greedy_core.factworld as world; world.counterfact_records(); "
        "print([name for name in ('torch', 'transformers', 'tokenizers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
