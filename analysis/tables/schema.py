"""Every column of every table of a sweep: its name, its type, what it means.

proposals   what was asked of a trial, written at the flush after the trial starts
trials      one row per ended trial
steps       one row per step of the greedy loop
records     one row per trial, record and rung report

Those of `ratchet confirm` are in `analysis.tables.confirm_schema`.

Names in angle brackets stand for several columns: `config/<key>` for each dotted key of the
configuration, `rung_<edits>` for each rung, `accept_rate_step_<k>` for each step position.
In a column of floats NaN means that the value was not a number, null that there was none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from analysis.tables.config_columns import config_fields

SCHEMA_VERSION = 3

TABLES = ("proposals", "steps", "records", "trials")
"""The order in which a flush writes them: the part of `trials` commits those before it."""

METADATA_PREFIX = "ratchet."

INT, FLOAT, TEXT, BOOL = pa.int64(), pa.float64(), pa.string(), pa.bool_()
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Column:
    """One column, or with a name in angle brackets a family of them."""

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    """Whether every row has a value."""


ADDED: Mapping[str, Mapping[str, int]] = {
    "trials": {"step_rows": 2, "record_rows": 2, "walk": 3},
    "steps": {"sequence": 3},
    "records": {"sequence": 3},
}
"""By table, the columns that came after schema version 1, with the version that has them first."""
EARLIER = {"sequence": 0}
"""What such a column holds in all rows of earlier versions, where every row has a value."""

PROPOSALS = (
    Column("trial", INT, "number of the trial, from 0", required=True),
    Column(
        "role", TEXT, "baseline_full, baseline_default, baseline_literal, search", required=True
    ),
    Column(
        "generation",
        INT,
        "0, and one more whenever the sweep was extended or other versions accepted",
        required=True,
    ),
    Column("config/<key>", TEXT, "resolved setting; lists as YAML text such as [0, 1]"),
)

TRIALS = (
    Column("trial", INT, "number of the trial, from 0", required=True),
    Column(
        "role", TEXT, "baseline_full, baseline_default, baseline_literal, search", required=True
    ),
    Column("status", TEXT, "completed, pruned (stopped early), failed", required=True),
    Column(
        "generation",
        INT,
        "0, and one more whenever the sweep was extended or other versions accepted",
        required=True,
    ),
    Column("attempt", INT, "which attempt this is, from 0; the earlier ones failed", required=True),
    Column("config/<key>", TEXT, "resolved setting; lists as YAML text such as [0, 1]"),
    Column("edits", INT, "requests processed, over all edit sequences"),
    Column("steps", INT, "steps attempted"),
    Column("composite", FLOAT, "weighted mean of es, ps, ns on held-out prompts, in [0, 1]"),
    Column("es", FLOAT, "held-out efficacy success, in [0, 1]"),
    Column("ps", FLOAT, "held-out paraphrase success, in [0, 1]"),
    Column("ns", FLOAT, "held-out neighborhood success, in [0, 1]"),
    Column("score", FLOAT, "harmonic mean of es, ps, ns, in [0, 1]"),
    Column("composite_all", FLOAT, "composite over all prompts, probes too; null unless completed"),
    Column("composite_unedited", FLOAT, "composite of the unedited model on the same prompts"),
    Column("es_unedited", FLOAT, "es of the unedited model on the same prompts"),
    Column("ps_unedited", FLOAT, "ps of the unedited model on the same prompts"),
    Column("ns_unedited", FLOAT, "ns of the unedited model on the same prompts"),
    Column(
        "rung_<edits>", FLOAT, "composite after that many edits; null if it did not get that far"
    ),
    Column("probe_composite", FLOAT, "composite on the probe prompts, in the signal's units"),
    Column("accept_rate", FLOAT, "accepted steps / attempted steps"),
    Column("accept_rate_step_<k>", FLOAT, "accept_rate at step position k of a batch, from 0"),
    Column("probe_prompts", INT, "prompts the walk would have scored without the store"),
    Column(
        "walk",
        TEXT,
        "digest of the states after each batch: trials with equal ones walked the same way; null "
        "unless completed",
    ),
    Column("states_computed", INT, "states this trial was the first to visit"),
    Column("states_read", INT, "states found in the store"),
    Column("step_rows", INT, "rows that the trial has in `steps`"),
    Column("record_rows", INT, "rows that the trial has in `records`"),
    Column("error", TEXT, "why the trial failed, in one line"),
    Column("worker", TEXT, "node and process that ran the trial"),
    Column("started", TIME, "when the trial started"),
    Column("seconds", FLOAT, "from start to end, in seconds"),
)

STEPS = (
    Column("trial", INT, "number of the trial, from 0", required=True),
    Column("sequence", INT, "number of the edit sequence, from 0", required=True),
    Column("batch", INT, "number of the batch in its sequence, from 0", required=True),
    Column("layer", INT, "position of the edited layer in the model, from 0"),
    Column("step", INT, "position of the step in its batch, from 0", required=True),
    Column("fraction_before", FLOAT, "share of the batch's update in the model before, in [0, 1]"),
    Column("fraction_proposed", FLOAT, "share that was proposed, in [0, 1]"),
    Column("fraction_after", FLOAT, "share in the model after the decision, in [0, 1]"),
    Column("accepted", BOOL, "whether the step was kept", required=True),
    Column("reason", TEXT, "why the step was kept or not", required=True),
    Column("es_before", FLOAT, "probes' es before the step, in the signal's units"),
    Column("es_after", FLOAT, "probes' es at the proposed fraction"),
    Column("ps_before", FLOAT, "probes' ps before the step, in the signal's units"),
    Column("ps_after", FLOAT, "probes' ps at the proposed fraction"),
    Column("ns_before", FLOAT, "probes' ns before the step, in the signal's units"),
    Column("ns_after", FLOAT, "probes' ns at the proposed fraction"),
    Column("composite_before", FLOAT, "probes' composite before the step, in the signal's units"),
    Column("composite_after", FLOAT, "probes' composite at the proposed fraction"),
    Column("improvement", FLOAT, "composite_after - composite_before"),
    Column("trust", FLOAT, "gain / (1 + harm / trust.harm_scale), in [0, 1]"),
    Column("gain", FLOAT, "share of the targets' distance that the step covers, in [0, 1]"),
    Column("harm", FLOAT, "what the step does to other keys, relative to the weight"),
    Column("delta_norm", FLOAT, "Frobenius norm of the proposed step"),
    Column("residual", FLOAT, "relative error of the factors after recompression"),
    Column("seconds", FLOAT, "time the step took, in seconds"),
    Column("from_store", BOOL, "whether the step's numbers were read, not computed"),
)

RECORDS = (
    Column("trial", INT, "number of the trial, from 0", required=True),
    Column("sequence", INT, "edit sequence that the record belongs to, from 0", required=True),
    Column("case_id", INT, "the record's number in the dataset", required=True),
    Column("batch", INT, "batch of its sequence that it was edited in, from 0", required=True),
    Column("edits_done", INT, "requests processed when this was measured", required=True),
    Column("es", FLOAT, "the record's held-out efficacy success"),
    Column("ps", FLOAT, "the record's held-out paraphrase success; null without such prompts"),
    Column("ns", FLOAT, "the record's held-out neighborhood success; null without such prompts"),
)


def proposals_schema(config: Mapping[str, pa.DataType]) -> pa.Schema:
    """Schema of `proposals`, for a configuration of these keys and types."""
    return schema_of(PROPOSALS, {"config/<key>": config_fields(config)})


def trials_schema(config: Mapping[str, pa.DataType], rungs: Sequence[int], steps: int) -> pa.Schema:
    """Schema of `trials`; `steps` is the largest number of steps of any setting in the sweep."""
    return schema_of(
        TRIALS,
        {
            "config/<key>": config_fields(config),
            "rung_<edits>": [pa.field(f"rung_{edits}", FLOAT) for edits in rungs],
            "accept_rate_step_<k>": [
                pa.field(f"accept_rate_step_{k}", FLOAT) for k in range(steps)
            ],
        },
    )


def steps_schema() -> pa.Schema:
    """Schema of `steps`."""
    return schema_of(STEPS, {})


def records_schema() -> pa.Schema:
    """Schema of `records`."""
    return schema_of(RECORDS, {})


def sweep_schemas(
    config: Mapping[str, pa.DataType],
    rungs: Sequence[int],
    steps: int,
    *,
    sweep_id: str,
    sweep_name: str,
    facts: Mapping[str, str],
) -> dict[str, pa.Schema]:
    """The schemas of all tables of one sweep, each with the metadata that its files carry.

    Args:
        config: types of the configuration's keys, from `config_types`.
        rungs: edits at which trials report.
        steps: the largest number of steps that a setting of the sweep has.
        sweep_id: tells this sweep from every other one.
        sweep_name: what people call it.
        facts: what else a file should say about its origin, such as versions.
    """
    metadata = stamp(sweep_id, sweep_name, facts)
    schemas = {
        "proposals": proposals_schema(config),
        "steps": steps_schema(),
        "records": records_schema(),
        "trials": trials_schema(config, rungs, steps),
    }
    return {table: schema.with_metadata(metadata) for table, schema in schemas.items()}


def stamp(sweep_id: str, sweep_name: str, facts: Mapping[str, str]) -> dict[str, str]:
    """The metadata that says where a file comes from."""
    known = {
        **facts,
        "schema_version": str(SCHEMA_VERSION),
        "sweep_id": sweep_id,
        "sweep_name": sweep_name,
    }
    return {METADATA_PREFIX + key: value for key, value in known.items()}


def schema_of(columns: Sequence[Column], families: Mapping[str, list[pa.Field]]) -> pa.Schema:
    """The columns as a schema; a name in angle brackets gives way to its family."""
    fields: list[pa.Field] = []
    for column in columns:
        single = [pa.field(column.name, column.type, nullable=not column.required)]
        fields.extend(families.get(column.name, single))
    return pa.schema(fields)


def no_rows(schema: pa.Schema) -> pa.Table:
    """A table without rows; the schema's own makes arrays of lists, for which it imports pandas."""
    return pa.Table.from_batches([], schema)
