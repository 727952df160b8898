"""The pages name what there is: pages, pictures, arguments, parameters, diagnostics."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from launch_file import described
from parameter_files import flat

from espnet_ros.bundle import shipped_models
from espnet_ros.core.config import NodeConfig, parameter_spec
from espnet_ros.core.transforms import camera_mount

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
TEXTS = {page.name: page.read_text(encoding='utf-8') for page in PAGES}
README = (ROOT / 'README.md').read_text(encoding='utf-8')
EVERYWHERE = {**TEXTS, 'README.md': README}
# Of other packages: the RealSense driver, usb_cam, and of ROS itself.
FOREIGN = {'align_depth.enable', 'enable_sync', 'frame_id', 'camera_info_url', '__node'}


def test_the_readme_leads_to_every_page():
    linked = re.findall(r'\]\(docs/(\w+\.md)\)', README)
    assert set(TEXTS) <= set(linked)


@pytest.mark.parametrize('name', EVERYWHERE)
def test_links_exist(name: str):
    folder = ROOT if name == 'README.md' else ROOT / 'docs'
    for target in re.findall(r'\]\(([^)]+)\)', EVERYWHERE[name]):
        if '://' not in target:
            file, _, section = target.partition('#')
            path = folder / (file or name)
            assert path.exists(), target
            assert not section or section in anchors(path.read_text(encoding='utf-8')), target


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall('^#+ (.+)$', text, re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.fixture(scope='module')
def launch_arguments() -> dict[str, Any]:
    """Return what the launch file declares of each of its arguments."""
    *arguments, _ = described()
    return {argument.name: argument.given for argument in arguments}


@pytest.mark.parametrize('name', EVERYWHERE)
def test_launch_arguments_are_declared_and_take_what_is_given(
    name: str, launch_arguments: dict[str, Any]
):
    for argument, value in re.findall(r'([\w.]+):=([^\s`]*)', EVERYWHERE[name]):
        if argument in FOREIGN:
            continue
        assert argument in launch_arguments
        choices = launch_arguments[argument]['choices']
        assert not value or not choices or value in choices, f'{argument}:={value}'
        if value and '/' not in value and argument == 'layers':
            assert (ROOT / 'config' / 'layers' / f'{value}.yaml').is_file(), value
        if value and '/' not in value and argument == 'model':
            assert value in shipped_models()


def test_launch_files_that_include_it_give_declared_arguments(launch_arguments: dict[str, Any]):
    blocks = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    given = [key for block in blocks for key in keys_of('launch_arguments', ast.parse(block))]
    assert given and set(given) <= set(launch_arguments)
    (listed,) = re.findall(r'--show-args` lists the arguments \(([^)]+)\)', README)
    assert set(re.findall('`(.+?)`', listed)) <= set(launch_arguments)


def keys_of(keyword: str, tree: ast.AST) -> Iterator[str]:
    """Yield the keys of the dictionaries in a keyword argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == keyword:
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Dict):
                    yield from (ast.literal_eval(key) for key in inner.keys if key)


@pytest.mark.parametrize('name', TEXTS)
def test_parameter_files_are_taken(name: str):
    for block in re.findall(r'```yaml\n(/\*\*/segmentation:.*?)```', TEXTS[name], re.DOTALL):
        values = yaml.safe_load(block)['/**/segmentation']['ros__parameters']
        NodeConfig.from_parameters(flat(values))


@pytest.mark.parametrize('name', EVERYWHERE)
def test_parameters_named_are_real(name: str):
    groups = 'input|mask|overlay|grid|projection|pose|nav|diagnostics'
    for parameter in re.findall(rf'`((?:{groups})\.\w+)[`:]', EVERYWHERE[name]):
        is_file = parameter.endswith(('.md', '.mp4'))
        assert is_file or parameter_spec(parameter), parameter


@pytest.mark.parametrize('name', EVERYWHERE)
def test_values_of_parameters_are_taken(name: str):
    for parameter, value in re.findall(r'`([\w.]+): ([^`]+)`', EVERYWHERE[name]):
        if parameter_spec(parameter):
            NodeConfig.from_parameters({parameter: yaml.safe_load(value)})


def test_the_webcam_looks_where_the_page_says():
    page = TEXTS['first_hour.md']
    roll, yaw = (float(re.findall(rf'--{angle} (\S+)', page)[0]) for angle in ('roll', 'yaw'))
    # As tf2's setRPY: about the fixed axes x and z.
    about_x = [[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]]
    about_z = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
    T = camera_mount((0.2, 0.0, 1.2), (0.0, np.radians(10.0), 0.0))
    np.testing.assert_allclose(np.array(about_z) @ np.array(about_x), T[:3, :3], atol=1e-4)


def test_the_page_on_diagnostics_has_every_key():
    pytest.importorskip('rclpy')
    pytest.importorskip('diagnostic_msgs')
    from espnet_ros.core.labels import CAMVID
    from espnet_ros.core.projection_monitor import ProjectionMonitor
    from espnet_ros.ros.costmap_monitor import CostmapMonitor
    from espnet_ros.ros.diagnostics import CameraMonitor
    from espnet_ros.ros.report import NO_MODEL

    _, camera, costmap = re.split('^## .*$', TEXTS['diagnostics.md'], flags=re.MULTILINE)
    source = (ROOT / 'espnet_ros/ros/costmap.py').read_text(encoding='utf-8')
    own = re.findall(r"'(\w+)':", source.partition('def status')[2].partition('def ')[0])
    expected = {
        camera: {'state', *NO_MODEL, *CameraMonitor().values()},
        costmap: {*own, *CostmapMonitor().values(), *ProjectionMonitor(CAMVID).values()},
    }
    for section, keys in expected.items():
        rows = re.findall(r'^\| (`.*?) \|', section, re.MULTILINE)
        named = {key for row in rows for key in re.findall('`([^`]+)`', row)}
        assert {k for k in named if not k.startswith(('rejected_', 'skipped_'))} == keys
