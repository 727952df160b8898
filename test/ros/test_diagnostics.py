"""The statuses on /diagnostics."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from espnet_ros.ros.camera_monitor import CameraMonitor
from espnet_ros.ros.diagnostics import idle_statuses, make_status
from espnet_ros.ros.model import NO_FACTS


def test_every_value_is_published_as_text():
    status = make_status(
        '/segmentation: image', DiagnosticStatus.WARN, 'm', {'device': 'CPU', 'n': 3}
    )
    assert status.level == DiagnosticStatus.WARN
    assert status.hardware_id == 'CPU'
    assert [(v.key, v.value) for v in status.values] == [('device', 'CPU'), ('n', '3')]


def test_a_node_that_is_not_configured_has_the_keys_of_one_that_is():
    facts = {'state': 'unconfigured', **NO_FACTS}
    front, left = idle_statuses('/segmentation', facts, ['front', 'left'], 'no model', '')
    assert (front.name, left.name) == ('/segmentation: front', '/segmentation: left')
    assert (front.level, front.message) == (DiagnosticStatus.ERROR, 'not configured: no model')
    found = {v.key: v.value for v in front.values}
    assert found.keys() == {*facts, *CameraMonitor().values()}
    assert (found['backend'], found['last_error']) == ('', 'no model')


def test_a_node_that_waits_says_for_what():
    said = [
        idle_statuses('/n', {'state': 'configuring'}, ['image'], '', progress)[0]
        for progress in ('', 'building an engine')
    ]
    assert [(s.level, s.message) for s in said] == [
        (DiagnosticStatus.OK, 'configuring'),
        (DiagnosticStatus.OK, 'building an engine'),
    ]
