from __future__ import annotations

import pytest

messages = pytest.importorskip('builtin_interfaces.msg')

from espnet_ros.ros.stamps import nanoseconds, seconds


def test_nanoseconds_are_exact_where_a_float_is_not() -> None:
    # 2^53 ns is 104 days.
    assert nanoseconds(messages.Time(sec=1_700_000_000, nanosec=1)) == 1_700_000_000_000_000_001


def test_seconds() -> None:
    assert seconds(messages.Time(sec=3, nanosec=250_000_000)) == 3.25
    # Doubles are 2.4e-7 apart there.
    now = messages.Time(sec=1_700_000_000, nanosec=123_456_789)
    assert seconds(now) == pytest.approx(1_700_000_000.123456789, abs=3e-7)
