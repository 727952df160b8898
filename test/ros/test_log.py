"""How often the node complains, and that a backend's warning reaches who listens to /rosout."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import rclpy
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile

from espnet_ros.core.errors import PoseError
from espnet_ros.ros import log as log_module
from espnet_ros.ros.log import LONGEST_QUIET_S, QUIET_S, Quiet, details, forwarded_log


def level(constant):
    """Return the number, which some distributions give as a byte."""
    return constant[0] if isinstance(constant, bytes) else constant


@pytest.fixture
def node(ros_domain):
    rclpy.init()
    try:
        node = rclpy.create_node('segmentation')
        yield node
        node.destroy_node()
    finally:
        rclpy.shutdown()


def test_what_a_backend_says_is_the_nodes_on_rosout(node, peer):
    # Late listeners hear it, too.
    peer.listen(Log, '/rosout', QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    log = logging.getLogger('espnet_ros.backends')

    def heard(words):
        return next((m for m in peer.heard['/rosout'] if m.msg == words), None)

    with forwarded_log(node.get_logger()):
        log.warning('goes on with %s', 'onnx')
        log.error('the device is gone')
        warning = peer.wait(lambda: heard('goes on with onnx'), 'the warning')
        error = peer.wait(lambda: heard('the device is gone'), 'the error')

    assert (warning.name, warning.level) == ('segmentation', level(Log.WARN))
    assert (error.name, error.level) == ('segmentation', level(Log.ERROR))


def test_it_ends_with_the_node(node):
    package = logging.getLogger('espnet_ros')
    before = list(package.handlers)
    with forwarded_log(node.get_logger()):
        assert len(package.handlers) == len(before) + 1
    assert package.handlers == before


def test_a_complaint_is_told_at_once_and_again_after_a_while(monkeypatch):
    clock = SimpleNamespace(now_s=7.0)
    monkeypatch.setattr(log_module, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    quiet = Quiet()
    assert quiet.is_due('odd', 'lost', 'left') and quiet.is_due('odd', 'lost', 'right')
    assert not quiet.is_due('odd', 'lost', 'left')
    clock.now_s += QUIET_S
    assert quiet.is_due('odd', 'lost', 'left')
    assert not quiet.is_due('odd', 'lost', 'left')


def test_a_complaint_that_goes_on_is_told_ever_more_seldom(monkeypatch):
    clock = SimpleNamespace(now_s=7.0)
    monkeypatch.setattr(log_module, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    quiet, told = Quiet(), []
    while clock.now_s < 400.0:
        if quiet.is_due(f'{clock.now_s} s late', 'lost'):
            told.append(clock.now_s)
        clock.now_s += 0.5
    assert told == [7.0, 12.0, 22.0, 42.0, 82.0, 142.0, 202.0, 262.0, 322.0, 382.0]
    clock.now_s = 399.5 + LONGEST_QUIET_S - 1.0
    assert quiet.is_due(f'{clock.now_s} s late', 'lost')
    clock.now_s += QUIET_S
    assert not quiet.is_due(f'{clock.now_s} s late', 'lost')
    # What has not been heard for so long is a new complaint.
    clock.now_s += LONGEST_QUIET_S
    assert quiet.is_due(f'{clock.now_s} s late', 'lost')
    clock.now_s += QUIET_S
    assert quiet.is_due(f'{clock.now_s} s late', 'lost')


def test_a_new_reason_does_not_wait_for_the_turn_of_the_old_one(monkeypatch):
    clock = SimpleNamespace(now_s=7.0)
    monkeypatch.setattr(log_module, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    quiet, told = Quiet(), []
    while clock.now_s < 120.0:
        text = 'odd size 5x7' if clock.now_s < 83.5 else f'device lost {clock.now_s}'
        if quiet.is_due(text, 'lost', 'left'):
            told.append(clock.now_s)
        clock.now_s += 0.5
    # The last of the old one is told at 82; the new one then has intervals of its own.
    assert told == [7.0, 12.0, 22.0, 42.0, 82.0, 87.0, 92.0, 102.0]


def test_a_text_is_news_once_and_again_when_it_is_back(monkeypatch):
    clock = SimpleNamespace(now_s=7.0)
    monkeypatch.setattr(log_module, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    quiet = Quiet()
    assert not quiet.is_news('', 'mask', 'left')
    assert quiet.is_news('no pose', 'mask', 'left') and quiet.is_news('no pose', 'mask', 'right')
    clock.now_s += QUIET_S
    assert not quiet.is_news('no pose', 'mask', 'left')
    # The other camera's is back after it was well.
    assert not quiet.is_news('', 'mask', 'right')
    assert quiet.is_news('no pose', 'mask', 'right')


def test_news_waits_until_it_is_due(monkeypatch):
    clock = SimpleNamespace(now_s=7.0)
    monkeypatch.setattr(log_module, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    quiet = Quiet()
    assert quiet.is_news('no pose', 'mask')
    clock.now_s += QUIET_S - 1.0
    assert not quiet.is_news('no camera_info', 'mask')
    clock.now_s += 1.0
    assert quiet.is_news('no camera_info', 'mask')
    assert not quiet.is_news('no camera_info', 'mask')


def test_an_error_of_ours_has_no_traceback():
    try:
        raise ValueError('odd')
    except ValueError as error:
        text = details(error)
    assert text.startswith('\nTraceback') and text.endswith('ValueError: odd')
    assert details(PoseError('no pose')) == ''
