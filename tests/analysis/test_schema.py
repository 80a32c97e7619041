"""The columns are those of the documentation, with fixed types."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
import pytest

from analysis.tables.config_columns import config_cell, config_types, configs_of
from analysis.tables.schema import (
    PROPOSALS,
    RECORDS,
    STEPS,
    TRIALS,
    proposals_schema,
    records_schema,
    steps_schema,
    trials_schema,
)

CONFIG = {"mu": pa.float64(), "layers": pa.list_(pa.int64())}


def test_trials_have_a_column_per_setting_rung_and_step() -> None:
    schema = trials_schema(CONFIG, rungs=[4, 20], steps=2)
    assert schema.names == [
        *["trial", "role", "status", "generation", "attempt", "config/mu", "config/layers"],
        *["edits", "steps", "composite", "es", "ps", "ns", "score", "composite_all"],
        *["composite_unedited", "es_unedited", "ps_unedited", "ns_unedited", "rung_4", "rung_20"],
        *["probe_composite", "accept_rate", "accept_rate_step_0", "accept_rate_step_1"],
        *["probe_prompts", "walk", "states_computed", "states_read", "step_rows", "record_rows"],
        *["error", "worker", "started", "seconds"],
    ]
    assert schema.field("started").type == pa.timestamp("us", tz="UTC")
    assert schema.field("config/layers").type == pa.string()
    assert schema.field("rung_20").type == pa.float64()


def test_the_other_tables() -> None:
    assert proposals_schema(CONFIG).names == [
        *["trial", "role", "generation", "config/mu", "config/layers"]
    ]
    assert records_schema().names == [
        "trial",
        "sequence",
        "case_id",
        "batch",
        "edits_done",
        "es",
        "ps",
        "ns",
    ]
    assert steps_schema().names == [
        *["trial", "sequence", "batch", "layer", "step"],
        *["fraction_before", "fraction_proposed", "fraction_after", "accepted", "reason"],
        *["es_before", "es_after", "ps_before", "ps_after", "ns_before", "ns_after"],
        *["composite_before", "composite_after", "improvement", "trust", "gain", "harm"],
        *["delta_norm", "residual", "seconds", "from_store"],
    ]


def test_every_column_says_what_it_means() -> None:
    for column in (*PROPOSALS, *TRIALS, *STEPS, *RECORDS):
        assert len(column.meaning) > 10


@pytest.mark.parametrize(
    "hint, kind",
    [
        (str, pa.string()),
        (int, pa.int64()),
        (bool, pa.bool_()),
        (float | None, pa.float64()),
        (int | float, pa.float64()),
        (Literal["margin", "success"], pa.string()),
        (tuple[int, ...] | None, pa.list_(pa.int64())),
        (tuple[float, float, float], pa.list_(pa.float64())),
    ],
)
def test_types_come_from_hints(hint: Any, kind: pa.DataType) -> None:
    assert config_types({"key": hint}) == {"key": kind}


@pytest.mark.parametrize("hint", [dict, int | str, None, object])
def test_a_hint_without_one_type_is_refused(hint: Any) -> None:
    with pytest.raises(TypeError, match="a column must have one type"):
        config_types({"key": hint})


@pytest.mark.parametrize(
    "value, cell", [((0, 1), "[0, 1]"), ([], "[]"), ((1e-05, 2.0), "[1.0e-05, 2.0]"), (3, 3)]
)
def test_lists_are_stored_as_text_and_read_back(value: Any, cell: Any) -> None:
    assert config_cell(value) == cell
    kind = pa.int64() if value == 3 else pa.list_(pa.float64())
    schema = proposals_schema({"key": kind})
    back = configs_of(one_cell(schema, cell))
    assert back == [{"key": tuple(value) if isinstance(value, list) else value}]


def test_text_that_looks_like_a_list_stays_text() -> None:
    schema = proposals_schema({"model": pa.string()})
    assert configs_of(one_cell(schema, "[0]")) == [{"model": "[0]"}]


def one_cell(schema: pa.Schema, cell: object) -> pa.Table:
    """A row that has only a setting."""
    column = schema.field(schema.names[-1])
    return pa.Table.from_pylist([{column.name: cell}], schema=pa.schema([column]))
