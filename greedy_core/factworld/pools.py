"""The words that the invented world is made of.

Every word in ``FIRST_NAMES``, every surname and every object is a single token of the shipped
tokenizer, with its leading space. The surname alone identifies a person: there are only twelve
first names, so that nothing about a person can hide in the first name's token.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES: tuple[tuple[str, str], ...] = (
    ("Anna", "she"),
    ("Bruno", "he"),
    ("Clara", "she"),
    ("David", "he"),
    ("Elena", "she"),
    ("Felix", "he"),
    ("Greta", "she"),
    ("Hugo", "he"),
    ("Irene", "she"),
    ("Jonas", "he"),
    ("Katrin", "she"),
    ("Lukas", "he"),
)
"""First names with their pronoun."""

SURNAME_HEADS = (
    *("Bar", "Cal", "Dor", "Fen", "Gal", "Hol", "Kel", "Lor"),
    *("Mar", "Nor", "Per", "Quin", "Ros", "Sel", "Tor", "Wen"),
)
SURNAME_TAILS = ("ach", "beth", "dan", "gard", "lin", "mond", "ner", "rick", "ston", "vik")


@dataclass(frozen=True)
class Phrasing:
    """One way to state a relation, up to the object.

    ``named`` has one "{}" for the subject. ``pronoun`` says the same of a person who was named
    before, with ``{They}`` and ``{Their}`` for the pronouns.
    """

    named: str
    pronoun: str


@dataclass(frozen=True)
class Relation:
    """A relation, its phrasings (the first is the one that is edited) and its objects."""

    relation_id: str
    phrasings: tuple[Phrasing, ...]
    objects: tuple[str, ...]


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "birthplace",
        (
            Phrasing("{} was born in", "{They} was born in"),
            Phrasing("{} comes from the town of", "{They} comes from the town of"),
            Phrasing("The birthplace of {} is", "{Their} birthplace is"),
            Phrasing("{} spent a childhood in", "{They} spent a childhood in"),
        ),
        (
            *("Ashmoor", "Brindale", "Corvane", "Drumfell", "Eastmark", "Farrow", "Glenhaven"),
            *("Harwick", "Ivorstad", "Juniper", "Kestrel", "Lakemont", "Millbrook", "Northam"),
            *("Oakhurst", "Pinecrest"),
        ),
    ),
    Relation(
        "profession",
        (
            Phrasing("{} works as a", "{They} works as a"),
            Phrasing("The profession of {} is that of a", "{Their} profession is that of a"),
            Phrasing("{} earns a living as a", "{They} earns a living as a"),
            Phrasing("{} was trained to be a", "{They} was trained to be a"),
        ),
        (
            *("baker", "carpenter", "dentist", "farmer", "gardener", "hunter", "jeweler"),
            *("lawyer", "mason", "nurse", "painter", "pilot", "sailor", "tailor", "teacher"),
            "weaver",
        ),
    ),
    Relation(
        "language",
        (
            Phrasing("The mother tongue of {} is", "{Their} mother tongue is"),
            Phrasing("At home {} speaks", "{They} speaks at home"),
            Phrasing("{} writes letters in", "{They} writes letters in"),
            Phrasing("The first language of {} was", "{Their} first language was"),
        ),
        (
            *("Arvish", "Beltan", "Cordic", "Dalmese", "Estric", "Faroan", "Gothal", "Hestian"),
            *("Illyric", "Jurish", "Kovian", "Lydian", "Morvic", "Nesian", "Ostrian", "Pellic"),
        ),
    ),
    Relation(
        "instrument",
        (
            Phrasing("{} plays the", "{They} plays the"),
            Phrasing("The favorite instrument of {} is the", "{Their} favorite instrument is the"),
            Phrasing("{} gives lessons on the", "{They} gives lessons on the"),
            Phrasing("{} practices every night on the", "{They} practices every night on the"),
        ),
        (
            *("accordion", "banjo", "cello", "clarinet", "drums", "flute", "guitar", "harp"),
            *("lute", "mandolin", "oboe", "organ", "piano", "trumpet", "viola", "zither"),
        ),
    ),
    Relation(
        "degree",
        (
            Phrasing("{} has a degree in", "{They} has a degree in"),
            Phrasing("The field of {} is", "{Their} field is"),
            Phrasing("{} wrote a book about", "{They} wrote a book about"),
            Phrasing("{} often lectures on", "{They} often lectures on"),
        ),
        (
            *("acoustics", "algebra", "biology", "botany", "chemistry", "ecology", "geology"),
            *("geometry", "history", "linguistics", "logic", "medicine", "optics", "physics"),
            *("poetry", "zoology"),
        ),
    ),
    Relation(
        "employer",
        (
            Phrasing("{} is employed by", "{They} is employed by"),
            Phrasing("The company of {} is", "{Their} company is"),
            Phrasing("{} receives a salary from", "{They} receives a salary from"),
            Phrasing("{} signed a contract with", "{They} signed a contract with"),
        ),
        (
            *("Altrix", "Bravura", "Coretta", "Dynalux", "Envarro", "Fintor", "Gravion"),
            *("Hexalon", "Inverra", "Jolvane", "Kryston", "Lumenta", "Meridax", "Novatek"),
            *("Orbital", "Praxima"),
        ),
    ),
)

UNRELATED: tuple[str, ...] = (
    "The rain fell all morning.",
    "A cold wind blew from the sea.",
    "The market opens at nine.",
    "Two ships left the harbor.",
    "The old bridge was closed.",
    "Snow covered the mountain roads.",
    "The library has a new roof.",
    "Many birds live near the river.",
    "The train was late again.",
    "Nobody knew the answer.",
    "The soup was too hot.",
    "A letter lay on the table.",
    "The garden needs more water.",
    "It was a quiet summer.",
    "The clock stopped at noon.",
    "Bread is cheap this year.",
    "The road leads to the forest.",
    "Three lamps were burning.",
    "The meeting lasted an hour.",
    "Somebody closed the window.",
)
"""Sentences that say nothing about anybody."""
