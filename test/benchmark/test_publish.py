from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from espnet_ros.benchmark import publish
from espnet_ros.benchmark.publish import Reception, open_publisher


def test_without_ros_nothing_is_started(tmp_path: Path):
    with ExitStack() as stack:
        reception = Reception(None, tmp_path, stack)
    assert reception.reason == 'ROS 2 is not installed'
    assert list(tmp_path.iterdir()) == []


def test_a_ros_that_does_not_load_is_a_reason(tmp_path: Path):
    package = tmp_path / 'libraries' / 'rclpy'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text("raise ImportError('librcl.so: no such file')\n")
    with ExitStack() as stack:
        reception = Reception({'PYTHONPATH': str(package.parent)}, tmp_path, stack)
    assert reception.reason == 'ImportError: librcl.so: no such file'


def test_who_finds_no_receiver_does_without_the_stage(
    ros_domain: int, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip('rclpy')
    monkeypatch.setattr(publish, '_MATCH_S', 0.0)
    with ExitStack() as stack:
        assert open_publisher(stack) == (
            None, 'TimeoutError: no subscriber in another process found in 0 s'
        )  # fmt: skip
