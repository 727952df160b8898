from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.python_child import module_command
from espnet_ros.demo.children import discovery_range, ended_by_signals

NAME = 'ROS_AUTOMATIC_DISCOVERY_RANGE'


@pytest.mark.parametrize(
    ('given', 'found'),
    [('', 'LOCALHOST'), ('LOCALHOST', 'LOCALHOST'), ('SUBNET', 'SUBNET'), (None, 'LOCALHOST')],
)
def test_what_is_not_asked_for_stays_on_this_machine(given, found, monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    if given is not None:
        monkeypatch.setenv(NAME, given)
    assert discovery_range() == found


def test_no_discovery_at_all_is_refused_with_what_to_set(monkeypatch):
    monkeypatch.setenv(NAME, 'OFF')
    with pytest.raises(EspnetRosError, match=f'{NAME} is OFF: unset it or set it to LOCALHOST'):
        discovery_range()


@pytest.mark.parametrize(
    ('number', 'kind'),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, SystemExit),
        (signal.SIGHUP, SystemExit),
    ],
)
def test_signals_end_it_and_what_follows_does_not_interrupt_the_cleaning(number, kind):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    cleaned = False
    with pytest.raises(kind) as caught, ended_by_signals():
        try:
            os.kill(os.getpid(), number)
        finally:
            for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), other)
            cleaned = True
    assert cleaned
    if kind is SystemExit:
        assert caught.value.code == 128 + number
    after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before


def test_what_is_ignored_stays_so(monkeypatch):
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_a_demo_in_a_folder_with_a_queue_py(tmp_path: Path, ros_domain: int):
    pytest.importorskip('rclpy')
    pytest.importorskip('onnxruntime')
    (tmp_path / 'queue.py').write_text("raise RuntimeError('my own queue.py')\n")
    command = module_command(
        'espnet_ros', 'demo', '--frames', '5', '--rate', '2', '--size', '96x64', '--backend',
        'onnx', '--output', str(tmp_path / 'out'),
    )  # fmt: skip
    # As the console script does, it leaves out the current folder.
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert 'my own queue.py' not in result.stderr
    assert (tmp_path / 'out' / 'report.json').is_file(), result.stderr
