"""Fixtures that all tests share."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Helpers that several test modules of a folder share; pytest 6.2 (Humble) has no `pythonpath`.
_HELPERS = (
    'backends', 'bundle', 'core', 'device', 'evaluation', 'launch', 'nav2', 'network/training',
    'ros',
)  # fmt: skip
sys.path[:0] = [str(Path(__file__).parent / folder) for folder in _HELPERS]
# Fields of the wrong type are otherwise accepted in silence and published as garbage.
os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# PyTorch's threads wait for each other by spinning: on the tests' tiny tensors, beside anything
# else that runs, that made them fifty times slower.
os.environ['OMP_NUM_THREADS'] = '1'
# As in the package: tests that import OpenVINO themselves report to nobody, too.
sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]
# A shell's background jobs ignore Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_domains = itertools.cycle(range(1, 100))


@pytest.fixture(scope='session')
def shared() -> Path:
    """Return the folder of CamVid and the authors' weights, which is not part of the project."""
    default = Path(__file__).resolve().parents[2] / 'shared'
    folder = Path(os.environ.get('ESPNET_ROS_SHARED', default))
    if not (folder / 'camvid').is_dir():
        pytest.skip(f'no shared material at {folder} (set ESPNET_ROS_SHARED)')
    return folder


@pytest.fixture(scope='module')
def ros_domain() -> Iterator[int]:
    """Reserve a ROS_DOMAIN_ID that no other test run on this machine uses, and set it."""
    offset = os.getpid() % 100
    for step in itertools.islice(_domains, 100):
        domain = 1 + (offset + step) % 100
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
            try:
                # An abstract socket vanishes with its process: no stale lock files.
                lock.bind(f'\0espnet_ros_domain_{domain}')
            except OSError:
                continue
            with pytest.MonkeyPatch.context() as monkeypatch:
                monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
                yield domain
            return
    pytest.fail('ROS_DOMAIN_IDs 1 to 100 are all taken on this machine: end other test runs')


@pytest.fixture(scope='session')
def colcon_install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this checkout with colcon and return the install folder."""
    pytest.importorskip('colcon_ros', reason="no colcon; pip install '.[test]'")
    base = tmp_path_factory.mktemp('colcon')
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, '-m', 'colcon', '--log-base', str(base / 'log'), 'build']
    command += ['--base-paths', str(root), '--packages-select', 'espnet_ros', '--merge-install']
    command += ['--build-base', str(base / 'build'), '--install-base', str(base / 'install')]
    result = subprocess.run(command, capture_output=True, text=True, cwd=base, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return base / 'install'
