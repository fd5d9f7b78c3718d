"""Units drawn to batches: whole, each once, with so many recordings and cycles, from the seed."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pahcl_core.data.collection import Recording, Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.training.units import UnitDraws, units_of

# Cycles of each recording, by subject. The second has none that can be used.
CYCLES = {"a": [5, 3], "b": [], "c": [7], "d": [1, 4, 6, 2], "e": [3, 3, 3]}
SUBJECTS = tuple(Subject(subject_id=name, person_id=name, labels={}) for name in CYCLES)


def a_recording(subject: str, number: int) -> Recording:
    return Recording(
        recording_id=f"{subject}{number}", subject_id=subject, path=Path(f"{subject}{number}.wav"),
        sample_rate=100, num_samples=100,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cycles() -> CycleSet:
    """The recordings in turn: first that of a, of c, of d, of e, then the second of each."""
    found = [
        (number, subject, count)
        for subject, counts in CYCLES.items()
        for number, count in enumerate(counts)
    ]
    found.sort(key=lambda one: one[:2])
    recordings = (*(a_recording(subject, n) for n, subject, _ in found), a_recording("b", 0))
    recording = np.repeat(np.arange(len(found)), [count for *_, count in found])
    return CycleSet(
        recordings=recordings,
        sources=("segmentation",) * len(recordings),
        sample_rate=100,
        samples=np.zeros(100 * len(recordings), dtype=np.float32),
        offsets=100 * np.arange(len(recordings) + 1),
        recording=recording,
        bounds=100 * recording[:, None] + np.array([0, 10, 20, 30, 40]),
    )


@pytest.fixture
def draws(cycles):
    def make(subjects=SUBJECTS, **changes) -> UnitDraws:
        settled = dict(seed=1, batch_size=12, cycles_per_recording=3, recordings_per_unit=2)
        return UnitDraws(units=units_of(cycles, subjects), **{**settled, **changes})

    return make


def owners(cycles, batch) -> list[str]:
    return [cycles.recordings[number].subject_id for number in cycles.recording[batch]]


def test_units_are_those_who_have_a_cycle_in_the_order_asked_for(cycles):
    units = units_of(cycles, SUBJECTS[::-1])

    assert [one.subject_id for one in units.subjects] == ["e", "d", "c", "a"]
    assert units.cycles.tolist() == list(range(len(cycles)))
    assert units.unit.tolist() == [3, 2, 1, 0, 3, 1, 0, 1, 0, 1, -1]


def test_only_the_cycles_of_those_asked_for(cycles):
    units = units_of(cycles, SUBJECTS[3:4])

    assert set(owners(cycles, units.cycles)) == {"d"}
    assert len(units.cycles) == 13


def test_bags_say_what_belongs_together(cycles):
    """Cycles in any order: of e's first recording, of a's second and first, of e's again."""
    units = units_of(cycles, SUBJECTS)
    by_name = {r.recording_id: np.flatnonzero(cycles.recording == n) for n, r in
               enumerate(cycles.recordings)}  # fmt: skip
    index = np.array([by_name["e0"][1], by_name["a1"][0], by_name["a0"][4], by_name["e0"][2]])

    found, bags = units.bags(index, torch.device("cpu"))

    assert [units.subjects[number].subject_id for number in found] == ["a", "e"]
    assert bags.num_units == 2
    assert bags.recording.tolist() == [1, 2, 0, 1]  # a0, e0, a1, as the `CycleSet` has them
    assert bags.unit.tolist() == [0, 1, 0]


@pytest.mark.parametrize("epoch", [1, 2, 7])
def test_an_epoch_has_every_unit_once_and_whole(cycles, draws, epoch):
    """Three cycles of a recording at most, two recordings of a unit."""
    batches = draws().batches(epoch)

    seen = Counter()
    for batch in batches:
        assert len(set(batch.tolist())) == len(batch)
        together = owners(cycles, batch)
        changes = sum(one != other for one, other in itertools.pairwise(together))
        assert changes == len(set(together)) - 1  # a unit's cycles lie together
        seen.update(set(together))
    assert seen == Counter("acde")
    shown = Counter(cycles.recording[np.concatenate(batches)].tolist())
    per_unit = Counter(cycles.recordings[number].subject_id for number in shown)
    assert per_unit == {"a": 2, "c": 1, "d": 2, "e": 2}
    for number, count in shown.items():
        assert count == min(3, int((cycles.recording == number).sum()))


def test_the_number_of_batches_follows_from_the_most_cycles_an_epoch_can_have(draws):
    """Of a 3 + 3, c 3, d 3 + 3, e 3 + 3, which are 21; never more batches than units."""
    assert draws(batch_size=21).num_batches == 1
    assert draws(batch_size=20).num_batches == 2
    assert draws(batch_size=7).num_batches == 3
    assert draws(batch_size=1).num_batches == 4
    assert draws(batch_size=21, cycles_per_recording=4).num_batches == 2
    assert draws(batch_size=21, recordings_per_unit=9).num_batches == 2
    for changes in ({}, {"batch_size": 7}, {"batch_size": 1}):
        for epoch in (1, 2, 3):
            assert len(draws(**changes).batches(epoch)) == draws(**changes).num_batches


def test_batches_have_nearly_equal_numbers_of_units(cycles, draws):
    sizes = [len(set(owners(cycles, batch))) for batch in draws(batch_size=7).batches(1)]

    assert sorted(sizes) == [1, 1, 2]


def test_the_seed_and_the_epoch_decide(draws):
    def epoch(number, seed=1):
        return [batch.tolist() for batch in draws(seed=seed).batches(number)]

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)
    assert epoch(1) != epoch(1, seed=2)


def test_what_a_unit_shows_does_not_depend_on_the_others(cycles, draws):
    def of_d(subjects):
        index = np.concatenate(draws(subjects).batches(4))
        return [one for one, name in zip(index, owners(cycles, index), strict=True) if name == "d"]

    assert of_d(SUBJECTS) == of_d(SUBJECTS[3:4])


def test_all_cycles_recordings_and_places_have_the_same_chance(cycles, draws):
    """Over 200 epochs, within four standard deviations of the binomial distribution."""
    one = draws(batch_size=1)
    shown, first = Counter(), Counter()
    for epoch in range(1, 201):
        batches = one.batches(epoch)
        shown.update(np.concatenate(batches).tolist())
        first[owners(cycles, batches[0])[0]] += 1

    for number, recording in enumerate(cycles.recordings):
        own = np.flatnonzero(cycles.recording == number)
        if len(own) == 0:
            continue
        recordings = sum(r.subject_id == recording.subject_id for r in cycles.recordings)
        chance = min(1, 2 / recordings) * min(1, 3 / len(own))
        for cycle in own:
            spread = 4 * (200 * chance * (1 - chance)) ** 0.5
            assert shown[cycle] == pytest.approx(200 * chance, abs=spread)
    assert set(first) == set("acde")
    assert all(count == pytest.approx(50, abs=4 * 6.1) for count in first.values())


def test_a_cycle_is_not_bound_to_another(draws, cycles):
    """Which cycle of one recording is shown tells nothing of another's: every pair occurs."""
    one = draws(SUBJECTS[4:], cycles_per_recording=1, recordings_per_unit=3)
    seen = {tuple(np.concatenate(one.batches(epoch)).tolist()) for epoch in range(1, 201)}

    assert len(seen) == 27


def test_no_unit_without_its_cycles_even_if_a_subject_has_an_empty_recording(cycles):
    """A recording that is listed and has no cycle left takes no place."""
    keep = cycles.recording != 0  # the first of a
    fewer = replace(cycles, recording=cycles.recording[keep], bounds=cycles.bounds[keep])

    units = units_of(fewer, SUBJECTS[:1])

    _, bags = units.bags(units.cycles, torch.device("cpu"))
    assert bags.unit.tolist() == [0]
    assert set(bags.recording.tolist()) == {0}


def draw_numbers(cycles, batch):
    """Who is in a batch, and for which time in the epoch."""
    again, number = np.divmod(batch, len(cycles))
    return list(zip(owners(cycles, number), again.tolist(), strict=True))


@pytest.mark.parametrize("batch_size", [100, 12, 1])
def test_each_class_is_drawn_equally_often(cycles, draws, batch_size):
    """A alone is of one class: of four draws two are of a, in any batch, and two of the others."""
    one = draws(balanced=np.array([0, 1, 1, 1]), batch_size=batch_size)
    others = Counter()
    for epoch in range(1, 61):
        batches = one.batches(epoch)
        assert len(batches) == draws(batch_size=batch_size).num_batches
        drawn = [who for batch in batches for who in dict.fromkeys(draw_numbers(cycles, batch))]
        assert len(drawn) == 4  # none is in two batches
        assert [who for who in sorted(drawn) if who[0] == "a"] == [("a", 0), ("a", 1)]
        others.update(drawn)
    # Each of c, d and e has two chances in three, within four standard deviations.
    for name in "cde":
        assert others[name, 0] == pytest.approx(40, abs=4 * 3.7)
        assert others[name, 1] == 0


def test_who_is_drawn_again_is_a_unit_of_its_own_and_shows_other_cycles(cycles, draws):
    """Of all in one batch; the second time has turns of its own."""
    one = draws(balanced=np.array([0, 1, 1, 1]), batch_size=100, cycles_per_recording=2)
    apart = 0
    for epoch in range(1, 21):
        (batch,) = one.batches(epoch)
        units, bags = one.units.bags(batch, torch.device("cpu"))
        assert bags.num_units == 4
        assert sorted(units.tolist())[:2] == [0, 0]
        again, number = np.divmod(batch, len(cycles))
        told = [owners(cycles, number[[place]])[0] for place in range(len(batch))]
        unit_of_cycle = units[bags.unit[bags.recording].numpy()]
        assert [one.units.subjects[unit].subject_id for unit in unit_of_cycle] == told
        first, second = (
            set(number[(again == time) & np.isin(cycles.recording[number], [0, 4])].tolist())
            for time in (0, 1)
        )
        apart += first != second
    assert apart > 10


def test_who_is_drawn_in_a_balanced_epoch_is_drawn_as_in_another(cycles, draws):
    """The first time shows the same cycles with balance and without."""
    plain = set(np.concatenate(draws().batches(3)).tolist())
    alike = np.concatenate(draws(balanced=np.array([0, 1, 1, 1])).batches(3))

    assert set(alike[alike < len(cycles)].tolist()) < plain
