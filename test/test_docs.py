"""The pages of docs/ name what there is: pages, pictures, arguments, parameters, diagnostics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from parameter_files import flat

from espnet_ros.core.config import NodeConfig, parameter_spec
from espnet_ros.core.transforms import camera_mount

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
TEXTS = {page.name: page.read_text(encoding='utf-8') for page in PAGES}


def test_the_readme_leads_to_every_page():
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    linked = re.findall(r'\]\(docs/(\w+\.md)\)', readme)
    assert set(TEXTS) <= set(linked)


@pytest.mark.parametrize('name', TEXTS)
def test_links_exist(name: str):
    for target in re.findall(r'\]\(([^)]+)\)', TEXTS[name]):
        if '://' not in target:
            assert (ROOT / 'docs' / target.partition('#')[0]).exists(), target


@pytest.mark.parametrize('name', TEXTS)
def test_launch_commands_name_real_arguments(name: str):
    launch = (ROOT / 'launch' / 'segment.launch.py').read_text(encoding='utf-8')
    for line in TEXTS[name].splitlines():
        if 'espnet_ros segment.launch.py' in line:
            for argument in re.findall(r'(\w+):=', line):
                assert f"'{argument}'" in launch, line


@pytest.mark.parametrize('name', TEXTS)
def test_parameter_files_are_taken(name: str):
    for block in re.findall(r'```yaml\n(/\*\*/segmentation:.*?)```', TEXTS[name], re.DOTALL):
        values = yaml.safe_load(block)['/**/segmentation']['ros__parameters']
        NodeConfig.from_parameters(flat(values))


@pytest.mark.parametrize('name', TEXTS)
def test_parameters_named_are_real(name: str):
    groups = 'input|mask|overlay|grid|projection|pose|nav|diagnostics'
    for parameter in re.findall(rf'`((?:{groups})\.\w+)[`:]', TEXTS[name]):
        assert parameter_spec(parameter) or parameter == 'diagnostics.md', parameter


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
