"""The stamps of messages as numbers."""

from __future__ import annotations

from builtin_interfaces.msg import Time

SECOND_NS = 1_000_000_000


def nanoseconds(stamp: Time) -> int:
    """Return the time of a stamp, exactly."""
    return int(stamp.sec) * SECOND_NS + int(stamp.nanosec)


def seconds(stamp: Time) -> float:
    """Return the time of a stamp; today's are exact to a quarter of a microsecond."""
    return float(stamp.sec) + float(stamp.nanosec) * 1e-9
