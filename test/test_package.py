"""The package's metadata, and the files it ships, agree with each other and with the code."""

from __future__ import annotations

import ast
import configparser
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml
from parameter_files import flat

import espnet_ros
from espnet_ros.core.config import NodeConfig, parameter_specs

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ET.parse(ROOT / 'package.xml').getroot()
# Python modules of ROS packages, and the rosdep keys of the others.
ROSDEP = {
    'cv2': 'python3-opencv',
    'numpy': 'python3-numpy',
    'tqdm': 'python3-tqdm',
    'yaml': 'python3-yaml',
}
# A robot has these from elsewhere, or does without; see the comment in package.xml.
INFERENCE = {'onnx', 'onnxruntime', 'openvino', 'safetensors', 'tensorrt', 'torch'}
NOT_DEPENDED_ON = {*INFERENCE, 'av', 'pytorch_optimizer'}


def texts(tag: str) -> list[str]:
    return [element.text or '' for element in MANIFEST.findall(tag)]


def setup_keywords() -> dict[str, ast.expr]:
    tree = ast.parse((ROOT / 'setup.py').read_text(encoding='utf-8'))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    call = next(c for c in calls if ast.unparse(c.func) == 'setup')
    return {k.arg: k.value for k in call.keywords if k.arg}


def test_the_manifest_is_format_3_for_ament_python():
    assert MANIFEST.get('format') == '3'
    assert MANIFEST.findtext('name') == 'espnet_ros'
    assert MANIFEST.findtext('export/build_type') == 'ament_python'
    assert MANIFEST.findtext('license') == 'Apache-2.0'
    assert 'Version 2.0, January 2004' in (ROOT / 'LICENSE').read_text(encoding='utf-8')


def test_one_version():
    assert MANIFEST.findtext('version') == espnet_ros.__version__
    newest = re.search(r'^## (\S+)', (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8'), re.M)
    assert newest
    assert newest.group(1) == espnet_ros.__version__


def test_manifest_and_setup_describe_the_same_package():
    keywords = setup_keywords()
    assert ast.literal_eval(keywords['description']) == MANIFEST.findtext('description')
    assert ast.literal_eval(keywords['license']) == MANIFEST.findtext('license')
    maintainer = MANIFEST.find('maintainer')
    assert maintainer is not None
    assert ast.literal_eval(keywords['maintainer']) == maintainer.text
    assert ast.literal_eval(keywords['maintainer_email']) == maintainer.get('email')


def test_dependencies_are_sorted_and_named_once():
    for tag in ('exec_depend', 'test_depend'):
        assert texts(tag) == sorted(set(texts(tag)))


def test_every_imported_ros_package_is_a_dependency():
    tops = set()
    for path in [*(ROOT / 'espnet_ros').rglob('*.py'), *(ROOT / 'launch').glob('*.py')]:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                tops.add(node.module.partition('.')[0])
    keys = {ROSDEP.get(name, name) for name in tops - NOT_DEPENDED_ON}
    missing = keys - set(texts('exec_depend')) - set(sys.stdlib_module_names) - {'espnet_ros'}
    assert not missing


def test_no_inference_library_is_depended_on():
    assert not [k for k in texts('exec_depend') if re.search('torch|tensorrt|onnx|openvino', k)]


def test_executables_are_installed_where_ros_looks():
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    assert parser['develop']['script_dir'] == parser['install']['install_scripts']
    assert parser['install']['install_scripts'] == '$base/lib/espnet_ros'


def test_the_entry_points_exist():
    scripts = ast.literal_eval(setup_keywords()['entry_points'])['console_scripts']
    assert scripts
    for script in scripts:
        module, _, function = script.partition(' = ')[2].partition(':')
        path = ROOT / f'{module.replace(".", "/")}.py'
        tree = ast.parse(path.read_text(encoding='utf-8'))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert function in names, script


@pytest.fixture
def shipped() -> dict:
    document = yaml.safe_load((ROOT / 'config/segmentation.yaml').read_text(encoding='utf-8'))
    return document['/**/segmentation']['ros__parameters']


def test_the_parameter_file_holds_every_parameter_at_its_default(shipped):
    values = flat(shipped)
    assert list(values) == [spec.name for spec in parameter_specs()]
    assert NodeConfig.from_parameters(values) == NodeConfig()
    for spec in parameter_specs():
        if not isinstance(spec.default, tuple):
            # An integer for a float is refused by some releases.
            assert type(values[spec.name]) is type(spec.default), spec.name


def test_every_parameter_in_the_file_has_a_comment():
    lines = (ROOT / 'config/segmentation.yaml').read_text(encoding='utf-8').splitlines()
    for spec in parameter_specs():
        leaf = spec.name.rpartition('.')[2]
        at = [i for i, line in enumerate(lines) if line.strip().startswith(f'{leaf}:')]
        assert any(lines[i - 1].strip().startswith('#') for i in at), spec.name


def test_the_parameter_file_names_every_choice_and_bound():
    text = (ROOT / 'config/segmentation.yaml').read_text(encoding='utf-8')
    for spec in parameter_specs():
        leaf = spec.name.rpartition('.')[2]
        bounds = [b for b in (spec.minimum, spec.maximum) if b is not None]
        comments = [m.group(1) for m in re.finditer(rf'((?: *#.*\n)+) *{leaf}:', text)]
        for word in [*spec.choices, *map(str, bounds)]:
            assert any(word in comment for comment in comments), f'{spec.name}: {word}'


def displays(view: dict) -> list[dict]:
    return view['Visualization Manager']['Displays']


def test_the_rviz_view_shows_outputs_of_the_node():
    view = yaml.safe_load((ROOT / 'rviz/segmentation.rviz').read_text(encoding='utf-8'))
    source = '\n'.join(p.read_text() for p in (ROOT / 'espnet_ros/ros').glob('*.py'))
    outputs = set(re.findall(r"['/](color_mask|overlay|mask|confidence)'", source))
    images = [d for d in displays(view) if d['Class'] == 'rviz_default_plugins/Image']
    topics = [d['Topic']['Value'] for d in images]
    assert topics == ['segmentation/overlay', 'segmentation/color_mask']
    assert {t.rpartition('/')[2] for t in topics} <= outputs
    for display in images:
        assert display['Enabled'] is True
        assert display['Topic']['Reliability Policy'] == 'Reliable'
        assert display['Topic']['Durability Policy'] == 'Volatile'
    assert 'rviz_default_plugins/TF' in [d['Class'] for d in displays(view)]
    assert view['Visualization Manager']['Global Options']['Fixed Frame'] == 'odom'


def test_the_large_image_profile_is_the_default_of_every_participant():
    name = '{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}'
    root = ET.parse(ROOT / 'config/fastdds_large_images.xml').getroot()
    transports = {
        d.findtext(f'{name}transport_id'): d for d in root.iter(f'{name}transport_descriptor')
    }
    assert [d.findtext(f'{name}type') for d in transports.values()] == ['SHM', 'UDPv4']
    participant = next(root.iter(f'{name}participant'))
    assert participant.get('is_default_profile') == 'true'
    used = [e.text for e in participant.iter(f'{name}transport_id')]
    assert used == list(transports)
    # Five 1920x1080 bgr8 images.
    segment = int(transports[used[0]].findtext(f'{name}segment_size') or 0)
    assert segment >= 5 * 1920 * 1080 * 3
    assert next(participant.iter(f'{name}useBuiltinTransports')).text == 'false'
