"""Pairs of cycles: who a partner is, and how often."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core.training.draws import Draw
from pahcl_core.training.partners import Groups, pairs_of


@given(
    group=st.lists(st.integers(0, 5), min_size=1, max_size=20),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_partner_is_another_cycle_of_the_same_group(group, seed):
    """Itself only where the group has a single cycle; a group's cycles may lie anywhere."""
    group = np.array(group)
    anchor = np.arange(len(group))

    partner = pairs_of(Groups(group), anchor, Draw(seed, 1))

    assert (group[partner] == group).all()
    alone = np.bincount(group)[group] == 1
    assert ((partner == anchor) == alone).all()


def test_every_other_cycle_is_a_partner_as_often():
    """4000 epochs, one of the 4 others each: 1000 times, within 5 standard deviations."""
    groups = Groups(np.array([7, 0, 7, 7, 0, 7, 3, 7]))
    anchor = np.array([5])

    partner = Counter(pairs_of(groups, anchor, Draw(3, epoch)).item() for epoch in range(4000))

    assert set(partner) == {0, 2, 3, 7}
    assert all(abs(n - 1000) < 5 * (4000 / 4 * 3 / 4) ** 0.5 for n in partner.values())


def test_a_partner_does_not_depend_on_the_batch():
    groups = Groups(np.array([7, 0, 7, 7, 0, 7, 3, 7]))
    anchor = np.arange(8)
    together = pairs_of(groups, anchor, Draw(3, 1))

    for one in anchor:
        assert pairs_of(groups, anchor[one : one + 1], Draw(3, 1)) == together[one]
    assert (pairs_of(groups, anchor[::-1].copy(), Draw(3, 1)) == together[::-1]).all()
