"""The clocks of a node: one for the age of masks, and one that no simulation stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

# A /clock that does not change for this long has stopped.
_STILL_S = 2.0


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Any:
    """Return a timer that also runs while simulated time stands still or has not begun."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


# Long before any simulated time.
_BEFORE_S = -1e9


class AgeClock:
    """Simulated time if the node uses it, else a steady clock.

    Until simulated time begins (use_sim_time is set, but nobody publishes /clock), it is a steady
    clock, too, with seconds below 0.

    :param node: whose parameter use_sim_time decides.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen_s = -1.0
        self._moved_s = time.monotonic()

    def now_s(self) -> float:
        """Return seconds; those of simulated time may stand still or start over."""
        if not self._is_simulated():
            return time.monotonic()
        return self._simulated_s() or time.monotonic() + _BEFORE_S

    def problem(self) -> str:
        """Return a warning if simulated time stands still from call to call, else ''."""
        if not self._is_simulated():
            return ''
        now_s, steady_s = self._simulated_s(), time.monotonic()
        if now_s != self._seen_s:
            self._seen_s, self._moved_s = now_s, steady_s
        still_s = steady_s - self._moved_s
        if still_s < _STILL_S:
            return ''
        # The clock's subscription follows a remapping; count_publishers does not.
        topic = self._node.resolve_topic_name('/clock')
        comes = self._node.count_publishers(topic) > 0
        why = f'{topic} has stopped' if comes else f'nobody publishes {topic}'
        if now_s == 0.0:
            return (
                f'simulated time has not begun in {still_s:.0f} s: use_sim_time is true and '
                f'{why}'
            )
        return (
            f'simulated time has stood still at {now_s:.2f} s for {still_s:.0f} s, so nothing '
            f'ages: use_sim_time is true and {why}'
        )

    def _is_simulated(self) -> bool:
        clock: Any = self._node.get_clock()
        # From Lyrical on, a clock of ROS time has no class of its own.
        return clock.clock_type == ClockType.ROS_TIME and bool(clock.ros_time_is_active)

    def _simulated_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9
