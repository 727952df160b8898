"""Run the commands of README.md as a newcomer would: from a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.config import parameter_specs

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
# `make test` is what runs this test.
SKIPPED = {'make test'}


def commands(needs_ros: bool) -> list[str]:
    """Return the lines of the bash blocks that need ROS, or of those that the tests can run."""
    mark = r'(?:<!-- (needs ROS|not run by the tests) -->\n)?'
    blocks = re.findall(mark + r'```bash\n(.*?)```', README, re.DOTALL)
    texts = [text for mark, text in blocks if mark == ('needs ROS' if needs_ros else '')]
    return [line for text in texts for line in text.splitlines() if line not in SKIPPED]


@pytest.fixture(scope='module')
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the tracked files, keep the environment, and add what the README calls the user's."""
    venv = Path(sys.prefix)
    stamp = venv / '.demo-stamp'
    sources = [ROOT / name for name in ('setup.py', 'setup.cfg', 'pyproject.toml')]
    # Otherwise `make demo` would install the copy into the environment that runs this test.
    if not stamp.exists() or any(s.stat().st_mtime > stamp.stat().st_mtime for s in sources):
        pytest.skip(f'{venv} is not up to date by the Makefile: run make test')
    folder = tmp_path_factory.mktemp('checkout')
    listed = subprocess.run(
        ['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split('\0')):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / '.venv').symlink_to(venv)
    (folder / 'my_pictures').mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (120, 168, 3), np.uint8)
    cv2.imwrite(str(folder / 'my_pictures' / 'street.png'), picture)
    return folder


@pytest.mark.parametrize('command', commands(needs_ros=False))
def test_command_runs(command: str, checkout: Path) -> None:
    # What the outer make was told, e.g. ARGS, is not for the inner one.
    outer = ('ARGS', 'MAKEFLAGS', 'MAKELEVEL')
    environment = {k: v for k, v in os.environ.items() if k not in outer}
    done = subprocess.run(
        ['bash', '-c', command],
        cwd=checkout, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert 'Traceback' not in done.stderr


def test_ros_commands_name_real_files() -> None:
    text = '\n'.join(commands(needs_ros=True))
    paths = re.findall(r'share/espnet_ros/(\S+?)(?:\s|$)', text)
    assert paths and all((ROOT / path).is_file() for path in paths), paths


def test_parameter_table_is_the_config() -> None:
    section = README.partition('## Parameters')[2].partition('## ')[0]
    rows = re.findall(r'^\| `([\w.]+)` \| (.+?) \| (.+) \|$', section, re.MULTILINE)
    expected = [
        (spec.name, f'`{list(spec.default) if isinstance(spec.default, tuple) else spec.default}`')
        for spec in parameter_specs()
    ]
    assert [(name, default) for name, default, _ in rows] == expected
    for (_, _, description), spec in zip(rows, parameter_specs(), strict=True):
        assert description == spec.description.replace('|', '\\|')


def test_the_parameters_that_take_effect_at_once() -> None:
    sentence = README.partition('take effect at once')[0].rpartition('\n\n')[2]
    live = [spec.name for spec in parameter_specs() if spec.applies == 'live']
    assert re.findall('`([^`]+)`', sentence) == live
