"""Several edit sequences: whose records they are, and what walking them in turn gives."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from greedy_core.errors import RecordsError, SettingsError
from greedy_core.inputs.edit_inputs import Inputs, notes
from greedy_core.inputs.records import EditRecord
from greedy_core.inputs.reserve import Reserve
from greedy_core.inputs.selection import Selection, select
from greedy_core.metrics import Metrics
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states, run_edit
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.sequences import SequenceRuns, combined
from tests.greedy_core.tiny_plans import CORPUS, RECORDS, settings

CHOSEN = settings({"steps": 2}, edits=2, batch_size=1, confirm_records=1)


def case_ids(selection: Selection) -> list[int]:
    return [split.record.case_id for split in selection.edited]


def test_sequences_share_no_record_and_are_the_same_however_many_there_are() -> None:
    order = case_ids(select(RECORDS, replace(CHOSEN, edits=5, confirm_records=0)))
    selection = select(RECORDS, CHOSEN, 2)
    assert [case_ids(each) for each in selection.sequences] == [order[:2], order[2:4]]
    assert [record.case_id for record in selection.reserved] == order[4:]
    assert [each.reserved for each in selection.sequences[1:]] == [()]
    (one,) = select(RECORDS, CHOSEN).sequences
    assert one.edited == selection.edited
    assert one.digest == selection.digest


def test_reserved_sequences_begin_after_those_of_the_search_and_know_their_probes() -> None:
    asked = EditSettings(edits=6, batch_size=2, confirm_records=12)
    searched = Reserve.read(asked, 3)
    used = {number for each in searched.selection.sequences for number in case_ids(each)}
    reserved = [number for each in searched.sequences(2) for number in case_ids(each)]
    assert len(used) == 18
    assert len({*reserved}) == 12
    assert not used & {*reserved}
    for sequence in searched.sequences(2):
        held_out = {text for split in sequence.edited for text in split.held_out_paraphrases}
        probed = {
            text
            for each in searched.selection.sequences
            for split in each.edited
            for text in split.probe_paraphrases
        }
        assert not held_out & probed


@pytest.mark.parametrize(("sequences", "says"), [(3, "edits * sequences"), (1, "`edits +")])
def test_more_records_than_there_are_is_refused(sequences: int, says: str) -> None:
    edits = 2 if sequences > 1 else 6
    with pytest.raises(SettingsError, match="records=5") as refused:
        select(RECORDS, replace(CHOSEN, edits=edits, confirm_records=0), sequences)
    assert says in str(refused.value)


def test_requests_contradict_each_other_only_within_a_sequence() -> None:
    def asking(number: int, target: str) -> EditRecord:
        request = replace(RECORDS[0].request, case_id=number, target_new=target)
        return replace(RECORDS[0], request=request)

    strict = replace(CHOSEN, edits=2, confirm_records=0, conflicts="refuse")
    same = [asking(0, "French"), asking(1, "Dutch")]
    apart = [replace(RECORDS[n], request=replace(RECORDS[n].request, case_id=n)) for n in (2, 3)]
    with pytest.raises(RecordsError, match="sequence"):
        for seed in range(20):  # in one of them both are edited in one sequence
            select([*same, *apart], replace(strict, seed=seed), 2)
    assert any(
        "sequence 1" in note
        for seed in range(20)
        for note in notes(select([*same, *apart], replace(CHOSEN, confirm_records=0, seed=seed), 2))
    )


@pytest.fixture(scope="module")
def opened(gpt2: LanguageModel) -> list[StateScores]:
    """The states of each sequence."""
    return [
        open_states(Inputs(CHOSEN, each, CORPUS), gpt2, MemoryStore())
        for each in select(RECORDS, CHOSEN, 2).sequences
    ]


def test_a_walk_over_sequences_is_each_sequences_own_walk(opened: list[StateScores]) -> None:
    alone = [run_edit(scores, CHOSEN) for scores in opened]
    walk = SequenceRuns(lambda sequence: (opened[sequence], CHOSEN), 2)
    while not walk.done:
        walk.step()
    assert walk.edits == 4
    own = [event for each in alone for event in each.run.events]
    told = ("batch", "layer", "step", "accepted", "reason", "composite_after")
    assert [[getattr(event, name) for name in told] for event in walk.events] == [
        [getattr(event, name) for name in told] for event in own
    ]
    assert [event.sequence for event in walk.events] == [
        number for number, each in enumerate(alone) for _ in each.run.events
    ]
    after = walk.evaluate()
    assert after.held_out.composite == sum(each.edited.held_out.composite for each in alone) / 2
    assert [(r.sequence, r.case_id, r.values) for r in after.records] == [
        (n, r.case_id, r.values) for n, each in enumerate(alone) for r in each.edited.records
    ]
    before = walk.unedited().held_out.composite
    assert before == sum(each.unedited.held_out.composite for each in alone) / 2
    with pytest.raises(ValueError, match="not done"):
        walk.step()


def test_on_the_way_each_sequence_counts_by_its_edits(opened: list[StateScores]) -> None:
    walk = SequenceRuns(lambda sequence: (opened[sequence], CHOSEN), 2)
    while walk.edits < 3:
        walk.step()
    first, second = (run.evaluate().held_out.composite for run in walk.runs)
    assert walk.evaluate().held_out.composite == (2 * first + second) / 3
    assert len(walk.evaluate(all_batches=True).records) == 4
    assert (
        walk.unedited(all_batches=True).held_out
        == combined([run_edit(scores, CHOSEN).unedited for scores in opened], [2, 2]).held_out
    )


def test_a_sequence_that_has_begun_counts_after_its_first_batch(opened: list[StateScores]) -> None:
    walk = SequenceRuns(lambda sequence: (opened[sequence], CHOSEN), 2)
    while walk.edits < 2:
        walk.step()
    alone = walk.evaluate()
    walk.step()  # perhaps not the last step of its batch
    if walk.edits == 2:
        assert walk.evaluate() == alone


def test_a_kind_without_prompts_is_averaged_over_the_other_sequences() -> None:
    def evaluated(es: int, ps: int | None, composite: Fraction) -> Evaluation:
        metrics = Metrics(Fraction(es), None if ps is None else Fraction(ps), None, composite)
        return Evaluation(metrics, metrics, ())

    both = [evaluated(1, None, Fraction(1)), evaluated(0, 1, Fraction(1, 2))]
    assert combined(both, [3, 1]).held_out == Metrics(
        Fraction(3, 4), Fraction(1), None, Fraction(7, 8)
    )
