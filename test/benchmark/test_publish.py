from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from espnet_ros.benchmark import process, publish
from espnet_ros.benchmark.publish import Reception, open_publisher, without_publishing


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
    assert reception.reason == (
        'the receiver of the masks: ImportError: librcl.so: no such file'
    )


def test_who_finds_no_receiver_does_without_the_stage(
    ros_domain: int, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip('rclpy')
    monkeypatch.setattr(publish, '_MATCH_S', 0.0)
    with ExitStack() as stack:
        assert open_publisher(stack) == (
            None, 'TimeoutError: no subscriber in another process found in 0 s'
        )  # fmt: skip


def receiver(monkeypatch: pytest.MonkeyPatch, folder: Path, stack: ExitStack) -> Reception:
    """Start a receiver that needs no ROS."""
    code = "import sys\nfor line in sys.stdin: print('{}', flush=True)"
    monkeypatch.setattr(process, 'module_command', lambda module: [sys.executable, '-c', code])
    return Reception({}, folder, stack)


def test_a_receiver_that_lives_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with ExitStack() as stack:
        reception = receiver(monkeypatch, tmp_path, stack)
        reception.check()
        assert reception.reason is None


def test_a_receiver_that_was_killed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with ExitStack() as stack:
        reception = receiver(monkeypatch, tmp_path, stack)
        os.kill(reception.worker.pid, signal.SIGTERM)
        reception.check()
        reception.check()
    assert reception.reason == 'the receiver of the masks: the process ended by SIGTERM'
    assert reception.worker is None


def test_without_publishing_is_without_its_time():
    entry = {
        'times_ms': {'infer': [20.0, 30.0], 'publish': [5.0, 10.0], 'end_to_end': [26.0, 41.0]},
        'seconds': 0.1,
        'missed': 3,
    }
    without = without_publishing(entry)
    assert without['times_ms'] == {'infer': [20.0, 30.0], 'end_to_end': [21.0, 31.0]}
    assert without['seconds'] == pytest.approx(0.085)
    assert without['missed'] == 3
    assert without_publishing(without) == without
