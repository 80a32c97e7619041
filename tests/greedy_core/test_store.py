"""Keys of artefacts, and the stores in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from greedy_core.store.artefacts import (
    Artefact,
    LayeredStore,
    MemoryStore,
    PreparedStore,
    artefact_key,
    computed_once,
    remembered,
)


def artefact(value: int, size: int = 1) -> Artefact:
    return {"x": np.full(size, value, dtype=np.int64)}


def value(found: Artefact | None) -> int | None:
    return None if found is None else int(found["x"][0])


def test_least_used_artefacts_are_forgotten_first() -> None:
    store = MemoryStore(limit_bytes=3 * 1008)
    for number in range(3):
        store.put(str(number), artefact(number))
    store.get("0")
    store.put("3", artefact(3))
    assert [value(store.get(key)) for key in "0123"] == [0, None, 2, 3]


def test_artefact_above_the_limit_is_kept_while_it_is_the_last() -> None:
    store = MemoryStore(limit_bytes=8)
    store.put("big", artefact(1, size=100))
    assert value(store.get("big")) == 1
    store.put("small", artefact(2))
    assert (value(store.get("big")), value(store.get("small"))) == (None, 2)


def test_second_put_returns_what_the_first_one_kept() -> None:
    store = MemoryStore()
    assert value(store.put("key", artefact(1))) == 1
    assert value(store.put("key", artefact(2))) == 1
    assert value(store.get("key")) == 1


def test_remembered_computes_once() -> None:
    store, calls = MemoryStore(), []

    def compute() -> Artefact:
        calls.append(1)
        return artefact(5)

    assert [remembered(store, "key", compute)[1] for _ in range(3)] == [False, True, True]
    assert len(calls) == 1


def test_computed_once_holds_the_lease_and_looks_again_inside() -> None:
    class Elsewhere(MemoryStore):
        """Another process publishes the artefact while this one waits for the lease."""

        @contextmanager
        def lease(self, key: str) -> Iterator[None]:
            self.put(key, artefact(7))
            yield

    found = computed_once(Elsewhere(), "key", lambda: pytest.fail("was computed twice"))
    assert value(found) == 7


def test_layers_fill_from_behind_and_the_slowest_decides_a_race() -> None:
    front, back = MemoryStore(), MemoryStore()
    store = LayeredStore(PreparedStore({"prepared": artefact(1)}), LayeredStore(front, back))
    back.put("old", artefact(2))
    assert value(store.get("prepared")) == 1
    assert value(store.get("old")) == 2
    assert value(front.get("old")) == 2
    back.put("race", artefact(3))
    assert value(store.put("race", artefact(4))) == 3
    assert value(store.get("race")) == 3
    assert store.get("absent") is None


def test_prepared_artefacts_are_neither_added_to_nor_replaced() -> None:
    store = PreparedStore({"known": artefact(1)})
    assert value(store.put("known", artefact(2))) == 1
    assert value(store.put("new", artefact(3))) == 3
    assert store.get("new") is None


@pytest.mark.parametrize("changed", [{"kind": "b"}, {"x": 2}, {"y": None}, {"x": "1"}, {"x": 1.5}])
def test_keys_differ_with_kind_and_every_input(changed: dict) -> None:
    plain = {"kind": "a", "x": 1, "y": [1, 2]}
    other = {**plain, **changed}
    assert artefact_key(**plain) != artefact_key(**other)


def test_keys_do_not_depend_on_the_order_of_inputs_but_of_lists() -> None:
    assert artefact_key("a", x=1, y=2) == artefact_key("a", y=2, x=1)
    assert artefact_key("a", x=[1, 2]) != artefact_key("a", x=[2, 1])


def test_key_of_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        artefact_key("a", x=float("nan"))
