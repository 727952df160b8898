"""What diagnostics are told of the costmaps."""

from __future__ import annotations

import pytest

from espnet_ros.core.errors import CameraInfoError, ImageError, PoseError
from espnet_ros.ros.costmap_monitor import CostmapMonitor


def test_what_went_wrong_is_news_once():
    monitor = CostmapMonitor()
    assert monitor.news() == ''
    monitor.skip(PoseError('no odometry'))
    monitor.skip(PoseError('odometry is late'))
    assert monitor.news() == 'masks left out: 2 (odometry is late)'
    assert monitor.news() == ''
    assert monitor.values()['skipped_pose'] == 2


def test_maps_that_had_to_be_cleared_are_news_and_a_wish_is_none():
    monitor = CostmapMonitor()
    monitor.clear()
    assert (monitor.news(), monitor.cleared) == ('', 1)
    monitor.clear('time went back by 3.0 s')
    assert monitor.news() == 'costmaps cleared once: time went back by 3.0 s'
    monitor.clear('time went back by 3.0 s')
    monitor.clear('the robot jumped by 20.0 m')
    assert monitor.news() == 'costmaps cleared 2 times: the robot jumped by 20.0 m'
    assert (monitor.news(), monitor.values()['cleared']) == ('', 4)
    monitor.skip(PoseError('no odometry'))
    monitor.clear('time went back by 3.0 s')
    assert monitor.news() == (
        'costmaps cleared once: time went back by 3.0 s; masks left out: 1 (no odometry)'
    )


@pytest.mark.parametrize(
    ('error', 'key'),
    [
        (ImageError('view', 'nothing to see'), 'skipped_view'),
        (PoseError('no odometry'), 'skipped_pose'),
        (CameraInfoError('no K'), 'skipped_camera_info'),
        (ZeroDivisionError('oh'), 'skipped_failed'),
    ],
)
def test_a_mask_left_out_is_counted_by_its_reason(error, key):
    monitor = CostmapMonitor()
    monitor.skip(error)
    values = monitor.values()
    assert [name for name in values if name.startswith('skipped_')] == [key]
    assert (values[key], values['skipped']) == (1, 1)
