"""An invented world: people, what is true of them, and the texts that say so.

Everything follows from ``WORLD_SEED``. Each person has four of the six relations; each
relation's objects are dealt out evenly, so every fact is shared with at least four other people,
who are its true neighbors.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from greedy_core.factworld.pools import (
    FIRST_NAMES,
    RELATIONS,
    SURNAME_HEADS,
    SURNAME_TAILS,
    UNRELATED,
    Relation,
)

WORLD_SEED = 20
FACTS_PER_PERSON = 4
UNRELATED_RATE = 0.3
PRONOUN_RATE = 0.5
NEIGHBORHOOD_PROMPTS = 10
BIOGRAPHIES = 2400


@dataclass(frozen=True)
class Fact:
    """``subject`` stands in relation ``relation`` to ``obj``."""

    subject: str
    relation: Relation
    obj: str

    def prompt(self, phrasing: int) -> str:
        """The fact up to its object, by name."""
        return self.relation.phrasings[phrasing].named.format(self.subject)


@dataclass(frozen=True)
class Person:
    """A person and the four facts about them."""

    subject: str
    pronoun: str
    facts: tuple[Fact, ...]


@cache
def people() -> tuple[Person, ...]:
    """Everybody, in a fixed order."""
    rng = random.Random(WORLD_SEED)
    surnames = [head + tail for head in SURNAME_HEADS for tail in SURNAME_TAILS]
    rng.shuffle(surnames)
    relations_of = [
        [RELATIONS[(person + offset) % len(RELATIONS)] for offset in range(FACTS_PER_PERSON)]
        for person in range(len(surnames))
    ]
    objects = {
        relation.relation_id: _dealt_objects(
            relation, sum(relation in theirs for theirs in relations_of), rng
        )
        for relation in RELATIONS
    }
    made = []
    for index, surname in enumerate(surnames):
        first, pronoun = rng.choice(FIRST_NAMES)
        subject = f"{first} {surname}"
        facts = tuple(
            Fact(subject, relation, objects[relation.relation_id].pop())
            for relation in relations_of[index]
        )
        made.append(Person(subject, pronoun, facts))
    return tuple(made)


def _dealt_objects(relation: Relation, holders: int, rng: random.Random) -> list[str]:
    """One object for each holder of the relation: all objects equally often, shuffled."""
    dealt = [relation.objects[index % len(relation.objects)] for index in range(holders)]
    rng.shuffle(dealt)
    return dealt


def facts() -> list[Fact]:
    """All facts of all people."""
    return [fact for person in people() for fact in person.facts]


def biography(person: Person, rng: random.Random) -> str:
    """A short text: one to four facts in random order, the name repeated or a pronoun."""
    chosen = rng.sample(person.facts, rng.randint(1, FACTS_PER_PERSON))
    sentences = [rng.choice(UNRELATED)] if rng.random() < UNRELATED_RATE else []
    for position, fact in enumerate(chosen):
        phrasing = rng.choice(fact.relation.phrasings)
        if position and rng.random() < PRONOUN_RATE:
            they = person.pronoun.capitalize()
            their = "Her" if person.pronoun == "she" else "His"
            start = phrasing.pronoun.format(They=they, Their=their)
        else:
            start = phrasing.named.format(fact.subject)
        sentences.append(f"{start} {fact.obj}.")
    return " ".join(sentences)


def biographies(count: int = BIOGRAPHIES, seed: int = WORLD_SEED) -> list[str]:
    """A fixed sample of the texts that the model was taught, everybody equally often."""
    rng = random.Random(f"biographies {seed}")
    everybody = people()
    return [biography(everybody[index % len(everybody)], rng) for index in range(count)]


def counterfact_records() -> list[dict[str, Any]]:
    """One record per person, in CounterFact's published JSON layout."""
    rng = random.Random(f"records {WORLD_SEED}")
    holders: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts():
        holders.setdefault((fact.relation.relation_id, fact.obj), []).append(fact)
    return [
        _record(case_id, _edited_fact(case_id, person), holders, rng)
        for case_id, person in enumerate(people())
    ]


def _edited_fact(case_id: int, person: Person) -> Fact:
    """The fact that the person's record edits: over all records, every relation equally often."""
    return person.facts[case_id // len(RELATIONS) % FACTS_PER_PERSON]


def _record(
    case_id: int, fact: Fact, holders: dict[tuple[str, str], list[Fact]], rng: random.Random
) -> dict[str, Any]:
    relation = fact.relation
    new = rng.choice([obj for obj in relation.objects if obj != fact.obj])
    neighbors = [
        other for other in holders[relation.relation_id, fact.obj] if other.subject != fact.subject
    ]
    rng.shuffle(neighbors)
    # Everybody once before anybody twice, so that all neighbors appear among the first ten.
    phrasings = [rng.sample(range(len(relation.phrasings)), 4) for _ in neighbors]
    prompts = [
        neighbor.prompt(phrasings[position][turn])
        for turn in range(len(relation.phrasings))
        for position, neighbor in enumerate(neighbors)
    ]
    paraphrases = [fact.prompt(phrasing) for phrasing in range(1, len(relation.phrasings))]
    rng.shuffle(paraphrases)
    return {
        "case_id": case_id,
        "requested_rewrite": {
            "prompt": relation.phrasings[0].named,
            "relation_id": relation.relation_id,
            "target_new": {"str": new},
            "target_true": {"str": fact.obj},
            "subject": fact.subject,
        },
        "paraphrase_prompts": [
            f"{rng.choice(UNRELATED)} {prompt}" if rng.random() < 0.5 else prompt
            for prompt in paraphrases
        ],
        "neighborhood_prompts": prompts[:NEIGHBORHOOD_PROMPTS],
    }
