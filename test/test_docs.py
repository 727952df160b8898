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
from espnet_ros.cli.main import VERBS
from espnet_ros.core.camera import CameraModel
from espnet_ros.core.config import NodeConfig, find_spec
from espnet_ros.core.errors import REJECTIONS
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.layers import LETHAL
from espnet_ros.core.mapper import Look, Mapper, default_layers
from espnet_ros.core.transforms import camera_mount

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / 'docs').glob('*.md'))
TEXTS = {page.name: page.read_text(encoding='utf-8') for page in PAGES}
README = (ROOT / 'README.md').read_text(encoding='utf-8')
EVERYWHERE = {**TEXTS, 'README.md': README}
# What the camera sees below and above the foot of a wall.
WALL = ('Road', 'Building')
# Of other packages: drivers of cameras, camera_calibration, and of ROS itself.
FOREIGN = {
    'align_depth.enable', 'enable_sync', 'rgb_camera.color_profile', 'frame_id', 'framerate',
    'camera_info_url', 'gscam_config', 'image', 'publish_tf', 'publish_map_tf', 'tf_static',
    '__node', '__ns',
}  # fmt: skip


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
    blocks = re.findall(r'```python\n(.*?)```', TEXTS['first_hour.md'], re.DOTALL)
    given = [key for block in blocks for key in keys_of('launch_arguments', ast.parse(block))]
    assert given and set(given) <= set(launch_arguments)


def test_the_readme_lists_declared_launch_arguments(launch_arguments: dict[str, Any]):
    (listed,) = re.findall(r'--show-args` lists the arguments \(([^)]+)\)', README)
    assert set(re.findall('`(.+?)`', listed)) <= set(launch_arguments)


def keys_of(keyword: str, tree: ast.AST) -> Iterator[str]:
    """Yield the keys of the dictionaries in a keyword argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == keyword:
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Dict):
                    yield from (ast.literal_eval(key) for key in inner.keys if key)


def everywhere(pattern: str, least: int, flags: int = 0) -> list[Any]:
    """Return what a pattern finds on all pages; so few as to mean that it is wrong are refused."""
    found = [match for text in EVERYWHERE.values() for match in re.findall(pattern, text, flags)]
    assert len(found) >= least
    return found


def test_parameter_files_are_taken():
    for block in everywhere(r'```yaml\n(/\*\*/segmentation:.*?)```', 4, re.DOTALL):
        values = yaml.safe_load(block)['/**/segmentation']['ros__parameters']
        NodeConfig.from_parameters(flat(values))


def test_parameters_named_are_real():
    groups = 'input|mask|overlay|grid|projection|pose|nav|diagnostics'
    for parameter in everywhere(rf'`((?:{groups})\.\w+)[`:]', 80):
        is_file = parameter.endswith(('.md', '.mp4'))
        assert is_file or find_spec(parameter), parameter


def test_values_of_parameters_are_taken():
    pairs = everywhere(r'`([\w.]+): ([^`]+)`', 20)
    own = [(parameter, value) for parameter, value in pairs if find_spec(parameter)]
    assert len(own) >= 20
    for parameter, value in own:
        NodeConfig.from_parameters({parameter: yaml.safe_load(value)})


def test_the_webcam_looks_where_the_page_says():
    page = TEXTS['first_hour.md']
    roll, yaw = (float(re.findall(rf'--{angle} (\S+)', page)[0]) for angle in ('roll', 'yaw'))
    # As tf2's setRPY: about the fixed axes x and z.
    about_x = [[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]]
    about_z = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
    T = camera_mount((0.2, 0.0, 1.2), (0.0, np.radians(10.0), 0.0))
    np.testing.assert_allclose(np.array(about_z) @ np.array(about_x), T[:3, :3], atol=1e-4)


def test_the_robot_hangs_below_its_zed_as_the_camera_stands_on_the_robot():
    commands = re.findall(r'static_transform_publisher (.+)', TEXTS['first_hour.md'])
    (below,) = (c for c in commands if '--frame-id zed_camera_link' in c)
    x, z, pitch = (float(re.findall(rf'--{name} (\S+)', below)[0]) for name in ('x', 'z', 'pitch'))
    # The camera in the frame of the robot, as the page has it for a driver's body frame.
    assert '`--x 0.2 --z 1.2 --pitch 0.1745`' in TEXTS['first_hour.md']
    assert pitch == -0.1745
    # About y, a pitch takes (x, z) to (x cos + z sin, z cos - x sin).
    turned = x * np.cos(0.1745) + z * np.sin(0.1745), z * np.cos(0.1745) - x * np.sin(0.1745)
    np.testing.assert_allclose(np.add(turned, (0.2, 1.2)), 0.0, atol=1e-4)


def test_the_messages_that_the_page_helps_with_are_those_of_the_node():
    section = TEXTS['first_hour.md'].partition('## If nothing comes')[2].partition('\n## ')[0]
    seen = ' '.join(re.findall(r'^\| ([^|]+) \|', section, re.MULTILINE))
    quoted = [text for text in re.findall('`([^`]+)`', seen) if ' ' in text]
    assert len(quoted) == 6
    texts = [path.read_text(encoding='utf-8') for path in (ROOT / 'espnet_ros').rglob('*.py')]
    # Strings in lines of their own are one, and what is filled in is something.
    source = re.sub(r"'\s*\n\s*f?'", '', '\n'.join(texts))
    source = re.sub(r'\{[^{}]*\}', '…', source)
    for text in quoted:
        filled = re.sub(r'camera_mount|/[\w/]+', '…', text)
        assert filled in source, text


def test_what_a_metre_of_a_cost_counts_to_the_planners_of_nav2():
    section = TEXTS['costmaps.md'].partition('### Have the planner')[2].partition('\n## ')[0]
    rows = re.findall(r'^\| (\d+) \| (\d+) \| (\S+) \| (\S+) \| (\S+) \|$', section, re.MULTILINE)
    # static_layer.cpp: truncated. navfn.hpp: 50 and 0.8, truncated. node_2d.cpp, node_hybrid.cpp:
    # shares of 252, and for the latter a reward of 1 - 0.015 for distance.
    for cost, raw, *counts in rows:
        c = int(int(cost) / 100 * 254)
        assert c == int(raw)
        by_hand = int(50 + 0.8 * c) / 50, 1 + c / 252, (0.985 + 2.0 * c / 252) / 0.985
        assert counts == [f'{count:.1f}' for count in by_hand]
    assert '60' in [cost for cost, *_ in rows]


@pytest.mark.parametrize('name', ['README.md', 'first_hour.md', 'costmaps.md'])
def test_verbs_are_called_by_a_path_that_there_is(name: str):
    # A robot's PATH has no espnet_ros.
    calls = rf'([^\n`]*)espnet_ros (?:{"|".join(VERBS)})(?![.\w])'
    before = re.findall(calls, EVERYWHERE[name])
    assert before and all(b.endswith(('.venv/bin/', 'ros2 run espnet_ros ')) for b in before)


@pytest.mark.parametrize('wrong_deg', [1.0, -1.0])
def test_the_pitch_is_found_as_the_page_says(wrong_deg: float):
    page = TEXTS['costmaps.md']
    assert '\n      pitch + atan(h / t) - atan(h / s)\n' in page

    def corrected(pitch: float, h: float, t: float, s: float) -> float:
        return pitch + np.arctan(h / t) - np.arctan(h / s)

    (example,) = re.findall(
        r'a pitch of (\S+), `h` (\S+) m, `t` (\S+) m and `s` (\S+) m it is (\d+\.\d+)\.', page
    )
    *given, result = map(float, example)
    assert round(corrected(*given), 3) == result
    # A wall 5 m ahead of a camera that looks 9 degrees down.
    resolution, height_m, wall_m, true = 0.05, 1.2, 5.0, np.radians(9.0)
    config = NodeConfig.from_parameters({'grid.resolution': resolution})
    mapper = Mapper(config, CAMVID)
    model = CameraModel((640, 480), np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]))
    depression = true + np.arctan((np.arange(480) - 240) / 500)
    rows = np.where(depression > np.arctan(height_m / wall_m), *map(CAMVID.names.index, WALL))
    mask = np.repeat(rows[:, None], 640, axis=1).astype(np.uint8)
    pitch = true + np.radians(wrong_deg)
    mount = camera_mount((0.0, 0.0, height_m), (0.0, pitch, 0.0))
    sure = np.full_like(mask, 255)
    mapper.add(Look('', mask, sure, model, mount, np.eye(4), 1.0))
    shown = mapper.render()
    ahead = shown.occupancy.combined[-round(shown.spec.origin_m[1] / resolution)]
    seen_m = shown.spec.origin_m[0] + np.flatnonzero(ahead == LETHAL).min() * resolution
    # The page: too near with a pitch that is too large, too far with one that is too small.
    assert (seen_m < wall_m) == (wrong_deg > 0)
    found = corrected(pitch, height_m, wall_m, seen_m)
    assert np.degrees(found - true) == pytest.approx(0.0, abs=0.1)


def test_rviz_lists_what_the_page_says():
    view = yaml.safe_load((ROOT / 'rviz/segmentation.rviz').read_text(encoding='utf-8'))
    groups = view['Visualization Manager']['Displays']
    listed = [d for group in groups for d in group.get('Displays', [])]
    topics = {d['Topic']['Value']: d['Class'].rpartition('/')[2] for d in listed}
    (default,) = default_layers(CAMVID)
    presets = (ROOT / 'config/layers').glob('*.yaml')
    values = [yaml.safe_load(path.read_text(encoding='utf-8')) for path in presets]
    of_presets = [v['/**/segmentation']['ros__parameters']['layers'] for v in values]
    layers = {default.name, *(name for preset in of_presets for name in preset)}
    assert topics == {
        **{f'segmentation/layers/{name}': 'Map' for name in layers},
        **{f'segmentation/points/{name}': 'PointCloud2' for name in (*layers, 'clear')},
        'segmentation/nav/points': 'PointCloud2',
    }
    assert not any(d['Enabled'] or d['Value'] for d in listed)
    for display in listed:
        latched = display['Class'].endswith('/Map')
        durability = 'Transient Local' if latched else 'Volatile'
        assert display['Topic']['Durability Policy'] == durability


def test_the_layer_of_a_user_who_names_none():
    (layer,) = default_layers(CAMVID)
    text = ' '.join(TEXTS['costmaps.md'].split())
    (what,) = re.findall(rf'there is one layer, `{layer.name}`: (.+?\d[.]\d)', text)
    assert what.startswith('all upright classes, lethal') and layer.cost == LETHAL
    assert float(what.split()[-1]) == layer.min_probability


def test_the_page_on_diagnostics_has_every_key():
    pytest.importorskip('rclpy')
    pytest.importorskip('diagnostic_msgs')
    from espnet_ros.core.projection_monitor import ProjectionMonitor
    from espnet_ros.ros.camera_monitor import CameraMonitor
    from espnet_ros.ros.costmap_monitor import FAILURES, CostmapMonitor
    from espnet_ros.ros.model import NO_FACTS

    _, camera, costmap = re.split('^## .*$', TEXTS['diagnostics.md'], flags=re.MULTILINE)
    source = (ROOT / 'espnet_ros/ros/costmap.py').read_text(encoding='utf-8')
    own = re.findall(r"'(\w+)':", source.partition('def status')[2].partition('def ')[0])
    expected = {
        camera: {'state', *NO_FACTS, *CameraMonitor().values()},
        costmap: {*own, *CostmapMonitor().values(), *ProjectionMonitor(CAMVID).values()},
    }
    reasons = []
    for section, keys in expected.items():
        rows = re.findall(r'^\| (`.*?) \|', section, re.MULTILINE)
        named = {key for row in rows for key in re.findall('`([^`]+)`', row)}
        counters = {k for k in named if k.startswith(('rejected_', 'skipped_'))}
        assert named - counters == keys
        reasons += [key.partition('_')[2] for key in counters]
    assert sorted(reasons) == sorted([*REJECTIONS, *FAILURES.values()])
