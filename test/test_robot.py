"""What `colcon test` finds on a robot: no library of the extras, and ROS's plugins of pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_THERE = (
    'av', 'hypothesis', 'onnx', 'onnxruntime', 'openvino', 'pytorch_optimizer', 'safetensors',
    'tensorboard', 'tensorrt', 'tensorrt_rtx', 'torch', 'tqdm',
)  # fmt: skip
# Python runs this first of all.
HIDE = f"""
from importlib.machinery import PathFinder

found = PathFinder.find_spec

def find_spec(cls, name, path=None, target=None):
    return None if name.partition('.')[0] in {NOT_THERE!r} else found(name, path, target)

PathFinder.find_spec = classmethod(find_spec)
"""
# As launch_testing and launch_testing_ros register theirs, which would import every test.
PLUGINS = """
[pytest11]
launch_testing = plugin_of_ros
launch_ros = plugin_of_ros
"""


@pytest.fixture
def robot(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a Python as it is on a robot."""
    (tmp_path / 'sitecustomize.py').write_text(HIDE)
    (tmp_path / 'plugin_of_ros.py').write_text("raise ImportError('a plugin of ROS was loaded')")
    about = tmp_path / 'launch_testing-1.0.7.dist-info'
    about.mkdir()
    (about / 'METADATA').write_text('Metadata-Version: 2.1\nName: launch_testing\nVersion: 1\n')
    (about / 'entry_points.txt').write_text(PLUGINS)
    # What the outer pytest was told is not for the inner one.
    own = {k: v for k, v in os.environ.items() if not k.startswith('PYTEST_')}
    return {**own, 'PYTHONPATH': str(tmp_path)}


def test_what_is_not_there_skips_its_tests_with_a_reason(robot: dict[str, str]) -> None:
    # The plugin of Hypothesis is another module, and would miss it.
    options = ['--collect-only', '-q', '-p', 'no:cacheprovider', '-p', 'no:hypothesispytest']
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', *options], cwd=ROOT, env=robot,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    for library in ('av', 'onnxruntime', 'torch'):
        assert f"could not import '{library}'" in done.stdout
    assert 'test/core/test_grid.py::' in done.stdout
    assert int(re.findall(r'(\d+) tests collected', done.stdout)[0]) > 1000
