"""What the Makefile keeps of .venv and of the environment, with a Python that only pretends."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# It makes a .venv of itself, installs by noting down what, and knows a network by a file.
PYTHON = """#!/bin/sh
case "$1 $2" in
  '-m venv')
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python" ;;
  '-m pip')
    here="${0%/bin/python}"
    if [ -e interrupted ]; then echo half >> "$here/installed"; kill -INT 0; sleep 20; fi
    if [ ! -e network ]; then echo 'no network' >&2; exit 1; fi
    for what; do :; done
    echo "$what" >> "$here/installed" ;;
  '-m espnet_ros')
    cat .venv/installed
    env ;;
esac
"""
SOURCES = ('setup.py', 'setup.cfg', 'pyproject.toml')

pytestmark = [
    pytest.mark.skipif(not shutil.which('make'), reason='no make'),
    pytest.mark.skipif(
        (platform.system(), platform.machine()) != ('Linux', 'x86_64'),
        reason='the Makefile is for x86-64 Linux',
    ),
]


class Checkout:
    """A folder with the Makefile, and a Python that pretends to install."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / '.venv'
        shutil.copy(ROOT / 'Makefile', folder)
        for name in SOURCES:
            (folder / name).touch()
        python = folder / 'python'
        python.write_text(PYTHON)
        python.chmod(0o755)
        self.switch('network', True)

    def switch(self, name: str, on: bool) -> None:
        """Have a network, or the interruption of an installation, or not."""
        path = self.folder / name
        path.touch() if on else path.unlink()

    def change(self) -> None:
        """Make what is installed out of date."""
        stamp = max(path.stat().st_mtime for path in self.venv.glob('.*-stamp')) + 10
        os.utime(self.folder / SOURCES[0], (stamp, stamp))

    def make(self, target: str, **environment: str) -> tuple[int, str]:
        """Run make and return its exit code and its words."""
        # What the outer make was told is not for this one.
        outer = ('ARGS', 'MAKEFLAGS', 'MAKELEVEL')
        own = {k: v for k, v in os.environ.items() if k not in outer}
        done = subprocess.run(
            ['make', target, 'PYTHON=./python'], cwd=self.folder, env={**own, **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
            start_new_session=True,
        )  # fmt: skip
        return done.returncode, done.stdout

    def installed(self) -> list[str]:
        """Return what .venv holds, if it has a Python at all."""
        assert (self.venv / 'bin' / 'python').exists()
        assert not (self.folder / '.venv-before').exists()
        return (self.venv / 'installed').read_text().split()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def demo(checkout: Checkout) -> Checkout:
    """Return a checkout whose .venv holds the demo, and no network since."""
    code, words = checkout.make('demo')
    assert code == 0, words
    checkout.switch('network', False)
    return checkout


def test_what_is_there_is_not_installed_again(demo: Checkout) -> None:
    code, words = demo.make('demo')
    assert (code, demo.installed()) == (0, ['.[demo]'])
    assert 'Installing' not in words


def test_without_a_network_the_demo_stays(demo: Checkout) -> None:
    for _ in range(3):
        code, words = demo.make('test')
        assert code != 0
        assert 'no network' in words
        assert 'What `make test` needs could not be installed' in words
        assert '.venv is as it was before' in words
        assert demo.installed() == ['.[demo]']
    code, words = demo.make('demo')
    assert code == 0, words


def test_with_the_network_back_it_is_installed_into_what_was_there(demo: Checkout) -> None:
    demo.make('test')
    demo.switch('network', True)
    code, words = demo.make('test')
    assert code == 0, words
    assert demo.installed() == ['.[demo]', '.[test]']


def test_a_first_installation_without_a_network_is_taken_up_again(checkout: Checkout) -> None:
    checkout.switch('network', False)
    code, words = checkout.make('demo')
    assert code != 0 and 'could not be installed' in words
    checkout.switch('network', True)
    code, words = checkout.make('demo')
    assert code == 0, words
    assert checkout.installed() == ['.[demo]']


def test_after_ctrl_c_all_is_made_afresh_once_there_is_a_network(demo: Checkout) -> None:
    demo.change()
    demo.switch('interrupted', True)
    code, words = demo.make('demo')
    assert code != 0 and 'Installing' in words
    assert demo.installed() == ['.[demo]', 'half']
    # A second one, now in the new .venv.
    code, words = demo.make('demo')
    assert code != 0 and 'Creating .venv' in words
    assert demo.installed() == ['.[demo]', 'half']
    demo.switch('interrupted', False)
    code, words = demo.make('demo')
    assert code != 0 and 'could not be installed' in words
    assert demo.installed() == ['.[demo]', 'half']
    demo.switch('network', True)
    code, words = demo.make('demo')
    assert code == 0, words
    assert demo.installed() == ['.[demo]']


def test_what_a_killed_run_left_aside_comes_back(demo: Checkout) -> None:
    demo.change()
    demo.venv.rename(demo.folder / '.venv-before')
    (demo.venv / 'bin').mkdir(parents=True)
    code, words = demo.make('demo')
    assert code != 0 and 'could not be installed' in words
    assert demo.installed() == ['.[demo]']


@pytest.mark.parametrize('release', ['oldest', 'jazzy'])
def test_a_release_stays_until_it_can_be_installed_anew(checkout: Checkout, release: str) -> None:
    venv = checkout.folder / f'.venv-{release}'

    def make() -> int:
        return checkout.make(release, **{f'{release.upper()}_PYTHON': './python'})[0]

    def installed() -> str:
        assert (venv / 'bin' / 'python').exists()
        return (venv / 'installed').read_text()

    assert (make(), installed()) == (0, 'tqdm\n')
    (venv / 'installed').write_text('before\n')
    stamp = (venv / '.stamp').stat().st_mtime + 10
    os.utime(checkout.folder / 'Makefile', (stamp, stamp))
    checkout.switch('network', False)
    for _ in range(2):
        assert make() != 0
        assert installed() == 'before\n'
    checkout.switch('network', True)
    assert (make(), installed()) == (0, 'tqdm\n')
    assert [path.name for path in checkout.folder.glob('.venv*')] == [venv.name]


def test_clean_removes_all_that_git_ignores(checkout: Checkout) -> None:
    ignored = (ROOT / '.gitignore').read_text().split()
    made = [checkout.folder / line.strip('/').replace('*', 'some') for line in ignored]
    for folder in made:
        (folder / 'within').mkdir(parents=True)
    code, words = checkout.make('clean')
    assert code == 0, words
    assert [folder.name for folder in made if folder.exists()] == []


def test_a_sourced_ros_does_not_reach_the_one_in_the_environment(demo: Checkout) -> None:
    sourced = dict.fromkeys(
        (
            'AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'ROS_DISTRO',
            'ROS_LOCALHOST_ONLY', 'RMW_IMPLEMENTATION', 'FASTDDS_DEFAULT_PROFILES_FILE',
            'FASTRTPS_DEFAULT_PROFILES_FILE', 'ROS_DISCOVERY_SERVER', 'ROS_SECURITY_ENABLE',
        ),
        'theirs',
    )  # fmt: skip
    own = {'ROS_DOMAIN_ID': '33', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}
    code, words = demo.make('demo', **sourced, **own)
    assert code == 0, words
    seen = dict(line.split('=', 1) for line in words.splitlines() if '=' in line)
    assert not set(sourced) & set(seen)
    assert {name: seen[name] for name in own} == own
