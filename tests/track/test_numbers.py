"""Numbers of several libraries, known by what they can do."""

import math
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import numpy as np
import pytest
import torch

from pahcl_track.numbers import as_number, on_accelerator, snapshot


class Phase(IntEnum):
    SYSTOLE = 2


class Named(float):
    """A float that another library made its own kind of."""


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1.5, 1.5),
        (-3, -3),
        (True, True),
        (2**70, 2**70),
        (np.float32(0.1), 0.10000000149011612),
        (np.float64(0.1), 0.1),
        (np.longdouble(0.5), 0.5),
        (np.int64(-(2**62) - 1), -(2**62) - 1),  # no float has that one
        (np.uint8(255), 255),
        (np.bool_(True), True),
        (np.array(2.5), 2.5),
        (np.array([[7]]), 7),
        (torch.tensor(0.5), 0.5),
        (torch.tensor([3]), 3),
        (torch.tensor([[2.5]], dtype=torch.bfloat16), 2.5),
        (torch.tensor(0.1, dtype=torch.bfloat16), 0.10009765625),  # 0x3dcd, by hand
        (torch.tensor(1.0, requires_grad=True), 1.0),
        (torch.tensor(False), False),
        (Decimal("0.1"), 0.1),
        (Fraction(1, 3), 0.3333333333333333),
        (Phase.SYSTOLE, 2.0),
        (Named(0.25), 0.25),
    ],
    ids=repr,
)
def test_a_number_of_any_library_is_pythons(value, number):
    found = as_number(value)

    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), torch.tensor(math.nan)], ids=repr)
def test_nan_stays_nan(value):
    assert math.isnan(as_number(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1.5",
        b"1",
        [1.0],
        {"a": 1},
        Ellipsis,
        1j,
        np.complex64(1j),
        np.array([1.0, 2.0]),
        np.array([]),
        np.array("1.5"),
        np.str_("1.5"),
        torch.zeros(2),
        torch.tensor(1j),
        10**400,
        Fraction(10**400),
        float,
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"is not (a number|one number)"):
        as_number(value)


def test_an_integer_that_no_float_is_near_is_refused():
    """Because hardly any tracker could show it; the largest that is near one is kept exactly."""
    largest = int(np.finfo(np.float64).max)

    assert as_number(largest) == largest
    with pytest.raises(TypeError, match="int is not one number: int too large"):
        as_number(2 * largest)


class OnDevice:
    """As much of a tensor as it takes."""

    def __init__(self, kind: object) -> None:
        self.device = type("Device", (), {"type": kind})()
        self.kind = kind

    def __repr__(self) -> str:
        return f"OnDevice({self.kind!r})"


@pytest.mark.parametrize(
    ("value", "elsewhere"),
    [
        (OnDevice("cuda"), True),
        (OnDevice("mps"), True),
        (OnDevice("cpu"), False),
        (OnDevice("meta"), False),
        (OnDevice(None), False),
        (OnDevice(7), False),  # another library's idea of a type
        (torch.tensor(1.0), False),
        (np.float32(1.0), False),
        (np.array(1.0), False),  # its device is a text
        (1.0, False),
        (None, False),
    ],
    ids=repr,
)
def test_only_what_lies_on_an_accelerator_makes_the_caller_wait(value, elsewhere):
    assert on_accelerator(value) is elsewhere


def test_a_snapshot_is_not_changed_with_its_original():
    original = torch.tensor(1.0, requires_grad=True)
    taken = snapshot(original)
    with torch.no_grad():
        original.fill_(5.0)

    assert taken.item() == 1.0
    assert not taken.requires_grad


def test_what_has_nothing_to_detach_is_its_own_snapshot():
    value = Ellipsis

    assert snapshot(value) is value
