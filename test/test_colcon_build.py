"""What ``colcon build`` installs is what ``ros2 run`` and ``ros2 launch`` look for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import espnet_ros

ROOT = Path(__file__).resolve().parents[1]
SHARED_FOLDERS = ('config', 'launch', 'models', 'rviz')


def test_share_has_the_index_marker_and_every_shipped_file(colcon_install: Path):
    share = colcon_install / 'share'
    assert (share / 'ament_index/resource_index/packages/espnet_ros').is_file()
    installed = share / 'espnet_ros'
    assert (installed / 'package.xml').read_bytes() == (ROOT / 'package.xml').read_bytes()
    for folder in SHARED_FOLDERS:
        files = [p for p in (ROOT / folder).rglob('*') if p.is_file() and p.suffix != '.pyc']
        assert files, folder
        for path in files:
            assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_every_python_module_is_installed(colcon_install: Path):
    init = next(colcon_install.rglob('site-packages/espnet_ros/__init__.py'))
    expected = {p.relative_to(ROOT / 'espnet_ros') for p in (ROOT / 'espnet_ros').rglob('*.py')}
    found = {p.relative_to(init.parent) for p in init.parent.rglob('*.py')}
    assert found == expected
    assert (init.parent / 'py.typed').is_file()


@pytest.mark.parametrize('name', ['segmentation', 'espnet_ros'])
def test_the_executable_is_under_lib_of_the_package(colcon_install: Path, name: str):
    executable = colcon_install / 'lib/espnet_ros' / name
    assert os.access(executable, os.X_OK)


def test_the_installed_command_line_finds_the_installed_share(colcon_install: Path):
    site = next(colcon_install.rglob('site-packages/espnet_ros')).parent
    environment = {
        **os.environ,
        'PYTHONPATH': str(site),
        'AMENT_PREFIX_PATH': str(colcon_install),
    }
    code = 'from espnet_ros.resources import share_directory as s; print(s())'
    output = subprocess.run(
        [sys.executable, '-c', code],
        cwd=colcon_install,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert Path(output.strip()) == colcon_install / 'share/espnet_ros'


def test_the_sourced_workspace_runs_the_executable(colcon_install: Path):
    # What a user does: source the setup file that colcon wrote, then run the command.
    script = '. "$1"/share/espnet_ros/package.sh && "$1"/lib/espnet_ros/espnet_ros --version'
    environment = {**os.environ, 'COLCON_CURRENT_PREFIX': str(colcon_install)}
    output = subprocess.run(
        ['sh', '-c', script, 'sh', str(colcon_install)],
        cwd=colcon_install,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert output.returncode == 0, output.stderr
    assert output.stdout.strip() == f'espnet_ros {espnet_ros.__version__}'
