"""The clock that masks age by, without time, with one that goes on and with one that stops."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.clock import Clock, ClockType
from rclpy.time import Time

from espnet_ros.ros import clocks
from espnet_ros.ros.clocks import AgeClock


def ros_clock():
    """Return a clock as a node of Lyrical has it, of no class but the common one."""
    clock = Clock(clock_type=ClockType.ROS_TIME)
    plain = SimpleNamespace(clock_type=clock.clock_type, now=clock.now)
    plain.set_ros_time_override = clock.set_ros_time_override
    plain.ros_time_is_active = False

    def activate(active):
        clock._set_ros_time_is_active(active)
        plain.ros_time_is_active = active

    plain._set_ros_time_is_active = activate
    return plain


class Rig:
    """A node whose simulated and steady time are turned by hand."""

    def __init__(self, monkeypatch):
        self.clock, self.steady_s, self.publishers = ros_clock(), 100.0, 0
        self.topic = '/clock'
        monkeypatch.setattr(clocks, 'time', SimpleNamespace(monotonic=lambda: self.steady_s))

    def get_clock(self):
        return self.clock

    def resolve_topic_name(self, topic):
        assert topic == '/clock'
        return self.topic

    def count_publishers(self, topic):
        assert topic == self.topic
        return self.publishers

    def simulate(self, seconds):
        self.clock._set_ros_time_is_active(True)
        time = Time(nanoseconds=round(seconds * 1e9), clock_type=ClockType.ROS_TIME)
        self.clock.set_ros_time_override(time)


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def test_without_simulated_time_it_is_a_steady_clock(rig):
    assert AgeClock(rig).now_s() == 100.0
    rig.clock = Clock(clock_type=ClockType.SYSTEM_TIME)
    assert AgeClock(rig).now_s() == 100.0
    assert AgeClock(rig).problem() == ''


def test_simulated_time_is_followed(rig):
    clock = AgeClock(rig)
    rig.simulate(12.5)
    assert clock.now_s() == 12.5
    assert clock.problem() == ''
    rig.simulate(13.0)
    rig.steady_s += 60.0
    assert clock.problem() == ''


def test_before_simulated_time_begins_steady_time_passes_below_0(rig):
    clock = AgeClock(rig)
    rig.simulate(0.0)
    before_s = clock.now_s()
    rig.steady_s += 2.5
    assert clock.now_s() - before_s == pytest.approx(2.5, abs=1e-6)
    assert clock.now_s() < 0.0
    assert clock.problem() == ''
    rig.steady_s += 3.0
    assert clock.problem() == (
        'simulated time has not begun in 3 s: use_sim_time is true and nobody publishes /clock'
    )
    rig.simulate(1.0)
    assert (clock.now_s(), clock.problem()) == (1.0, '')


def test_time_that_stands_still_is_told(rig):
    clock = AgeClock(rig)
    rig.simulate(7.25)
    assert clock.problem() == ''
    rig.steady_s += 4.0
    rig.publishers = 1
    assert clock.problem() == (
        'simulated time has stood still at 7.25 s for 4 s, so nothing ages: use_sim_time is true '
        'and /clock has stopped'
    )


def test_a_clock_of_another_name_is_told_as_that(rig):
    clock, rig.topic, rig.publishers = AgeClock(rig), '/sim/clock', 1
    rig.simulate(3.0)
    assert clock.problem() == ''
    rig.steady_s += 2.5
    assert clock.problem().endswith('use_sim_time is true and /sim/clock has stopped')
