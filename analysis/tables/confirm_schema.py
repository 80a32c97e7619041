"""Every column of the tables of a confirmation: its name, its type, what it means.

confirm          one row per walk: a setting on a sequence of reserved records
confirm_records  one row per walk and record

A sequence has as many records as the sweep edited; none of them is in another sequence or was
edited by the sweep. Columns that are named like one of `trials` or `records` mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from analysis.tables.schema import FLOAT, INT, TEXT, TRIALS, Column, schema_of, stamp

CONFIRM_TABLES = ("confirm_records", "confirm")
"""The order in which a walk's rows are written: its part of `confirm` commits the one before."""

_OF_TRIALS = {column.name: column for column in TRIALS}

_SETTING = (
    Column("trial", INT, "the sweep's trial whose settings were run again", required=True),
    Column("role", TEXT, "that trial's role: a baseline, or search", required=True),
    Column("sequence", INT, "number of the sequence of reserved records, from 0", required=True),
)

CONFIRM = (
    *_SETTING,
    Column("status", TEXT, "completed, failed", required=True),
    *(
        _OF_TRIALS[name]
        for name in (
            *("attempt", "edits", "steps", "composite", "es", "ps", "ns", "score", "composite_all"),
            *("composite_unedited", "es_unedited", "ps_unedited", "ns_unedited"),
            *("accept_rate", "probe_prompts", "states_computed", "states_read"),
        )
    ),
    Column("record_rows", INT, "rows that the walk has in `confirm_records`"),
    Column("error", TEXT, "why the walk failed, in one line"),
    Column("worker", TEXT, "node and process that walked"),
    Column("started", _OF_TRIALS["started"].type, "when the last attempt started"),
    Column("seconds", FLOAT, "how long it took, in seconds"),
)

CONFIRM_RECORDS = (
    *_SETTING,
    Column("batch", INT, "batch that the record was edited in, from 0", required=True),
    Column("case_id", INT, "the record's number in the dataset", required=True),
    Column("es", FLOAT, "the record's held-out efficacy success after all edits"),
    Column("ps", FLOAT, "its held-out paraphrase success; null without such prompts"),
    Column("ns", FLOAT, "its held-out neighborhood success; null without such prompts"),
    Column("es_unedited", FLOAT, "es of the unedited model on the same prompts"),
    Column("ps_unedited", FLOAT, "ps of the unedited model on the same prompts"),
    Column("ns_unedited", FLOAT, "ns of the unedited model on the same prompts"),
)


def confirm_schemas(
    *, sweep_id: str, sweep_name: str, facts: Mapping[str, str]
) -> dict[str, pa.Schema]:
    """The schemas of both tables, with the metadata that their files carry.

    Args:
        sweep_id: tells the sweep from every other one.
        sweep_name: what people call it.
        facts: what else a file should say about its origin, such as versions.
    """
    metadata = stamp(sweep_id, sweep_name, facts)
    return {table: each.with_metadata(metadata) for table, each in bare_schemas().items()}


def bare_schemas() -> dict[str, pa.Schema]:
    """The schemas of both tables."""
    return {"confirm": schema_of(CONFIRM, {}), "confirm_records": schema_of(CONFIRM_RECORDS, {})}
