"""How costmaps are judged, by parts that say what the test wants."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.core.config import NodeConfig
from espnet_ros.ros.costmap_output import Cause
from espnet_ros.ros.costmap_status import judge_costmap


def judged(why: str, pose_problem: str, updates: int) -> tuple[bytes, str]:
    """Return level and message where no mask was fresh for 9 s."""
    watch = SimpleNamespace(age_s=9.0, why=lambda: (why, Cause.LOST))
    monitor = SimpleNamespace(updates=updates)
    poses = SimpleNamespace(problem=lambda: pose_problem)
    return judge_costmap('active', NodeConfig(), monitor, watch, poses, ['no label_info'])


@pytest.mark.parametrize(
    ('pose_problem', 'end'),
    [('', 'late'), ('late', 'late'), ('nobody publishes /odom', 'late; nobody publishes /odom')],
)
def test_stale_cost_maps_say_what_their_poses_lack(pose_problem, end):
    level, message = judged('late', pose_problem, updates=3)
    assert level == DiagnosticStatus.ERROR
    assert message == f'stale (lethal), no fresh mask for 9.0 s: {end}'
    level, message = judged('late', pose_problem, updates=0)
    assert level == DiagnosticStatus.WARN
    assert message == f'no costmap yet, no fresh mask for 9.0 s: {end}'
