"""Checks of arguments: what passes, as what type, and the one line that comes back otherwise."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from streams.arguments import LONGEST, choice, count, finite, nearest, one_line, positive, shown, unknown

NAMES = ("independent", "persistent", "contrastive")


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_count_returns_a_plain_int(value):
    assert type(count("steps", value)) is int
    assert count("steps", value) == 3


@pytest.mark.parametrize(
    "value, least, error, message",
    [
        (0, 1, ValueError, "steps must be >= 1, got 0"),
        (-2, 0, ValueError, "steps must be >= 0, got -2"),
        (2, 3, ValueError, "steps must be >= 3, got 2"),
        (np.int64(-1), 1, ValueError, "steps must be >= 1, got np.int64(-1)"),
        (2.0, 1, TypeError, "steps must be a whole number, got 2.0"),
        (True, 1, TypeError, "steps must be a whole number, got True"),
        (np.True_, 1, TypeError, "steps must be a whole number, got np.True_"),
        ("3", 1, TypeError, "steps must be a whole number, got '3'"),
        (None, 1, TypeError, "steps must be a whole number, got None"),
        (np.array([1]), 1, TypeError, "steps must be a whole number, got array([1])"),
    ],
)
def test_count_says_what_it_wants(value, least, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        count("steps", value, least)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int8(2), Fraction(1, 3), 5e-324])
def test_positive_returns_a_plain_float(value):
    assert type(positive("mu2", value)) is float
    assert positive("mu2", value) == float(value)


def test_positive_takes_zero_only_where_asked():
    assert positive("dt", 0, zero=True) == 0.0
    with pytest.raises(ValueError, match=r"^dt must be a finite number > 0, got 0$"):
        positive("dt", 0)


@pytest.mark.parametrize(
    "value, options, error, message",
    [
        (-1.5, {}, ValueError, "mu2 must be a finite number > 0, got -1.5"),
        (-1.5, {"zero": True}, ValueError, "mu2 must be a finite number >= 0, got -1.5"),
        (math.nan, {}, ValueError, "mu2 must be a finite number > 0, got nan"),
        (math.inf, {}, ValueError, "mu2 must be a finite number > 0, got inf"),
        (-math.inf, {"zero": True}, ValueError, "mu2 must be a finite number >= 0, got -inf"),
        (1.0, {"below": 1.0}, ValueError, "mu2 must be > 0 and < 1, got 1.0"),
        (1.0, {"below": 0.25, "zero": True}, ValueError, "mu2 must be >= 0 and < 0.25, got 1.0"),
        (False, {"zero": True}, TypeError, "mu2 must be a number, got False"),
        ("1", {}, TypeError, "mu2 must be a number, got '1'"),
        (1j, {}, TypeError, "mu2 must be a number, got 1j"),
        (None, {}, TypeError, "mu2 must be a number, got None"),
    ],
)
def test_positive_says_what_it_wants(value, options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        positive("mu2", value, **options)


def test_positive_takes_whole_numbers_beyond_floats_as_infinite():
    with pytest.raises(ValueError, match=r"^mu2 must be a finite number > 0, got 10+\.\.\.$"):
        positive("mu2", 10**400)


@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], np.ones((2, 2), dtype=np.float32), ((1, 2), (3, 4))])
def test_finite_returns_float64(value):
    assert finite("target", value, (1, 2)).dtype == np.float64
    assert (finite("target", value, (2,)) == np.asarray(value)).all()


def test_finite_returns_a_copy():
    mine = np.ones(3)
    finite("target", mine, (1,))[0] = 5.0
    assert mine[0] == 1.0


@pytest.mark.parametrize(
    "value, message",
    [
        ([1.0, math.nan, math.inf], "target must be finite, got 2 NaN or infinite entries"),
        ([[1.0]], "target must be 1-D and not empty, got shape (1, 1)"),
        ([], "target must be 1-D and not empty, got shape (0,)"),
        (2.0, "target must be 1-D and not empty, got shape ()"),
        ("abc", "target must be an array of real numbers, got 'abc'"),
        (None, "target must be an array of real numbers, got None"),
        ([1j], "target must be an array of real numbers, got [1j]"),
        ([True], "target must be an array of real numbers, got [True]"),
        ([[1], [1, 2]], "target must be an array of real numbers, got [[1], [1, 2]]"),
    ],
)
def test_finite_says_what_it_wants(value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        finite("target", value, (1,))


def test_finite_names_all_dimensions_it_takes():
    with pytest.raises(
        ValueError, match=re.escape("initial must be 2-D or 3-D and not empty, got shape (1,)")
    ):
        finite("initial", [1.0], (2, 3))


def test_choice_and_its_nearest_name():
    assert choice("average", "persistent", iter(NAMES)) == "persistent"
    listed = r"\(one of: independent, persistent, contrastive\)$"
    with pytest.raises(
        ValueError, match=rf"^unknown average 'persistant'; did you mean 'persistent'\? {listed}"
    ):
        choice("average", "persistant", NAMES)
    for value in (3, None, "", "zzz"):
        with pytest.raises(ValueError, match=rf"^unknown average {value!r} {listed}"):
            choice("average", value, NAMES)


def test_nearest_by_case_beginning_and_likeness():
    assert nearest("PERSISTENT", NAMES) == "persistent"
    assert nearest("con", NAMES) == "contrastive"
    assert nearest("co", NAMES) is None
    assert nearest("x" * 10**6, NAMES) is None
    assert unknown("law", "conn", NAMES, listed=False) == "unknown law 'conn'"


@pytest.mark.parametrize("value", ["a\nb\tc", "x" * 10**6, "\x1b[31m", "\ud800", {"k": "y" * 100}, np.eye(9)])
def test_a_rejected_value_is_one_short_printable_line(value):
    for text in (shown(value), shown(str(value))):
        assert len(text) <= LONGEST
        assert text.isprintable()
        text.encode()
    assert one_line(value).isprintable()
