"""The shipped files for Nav2 fall into no trap, and the presets fit the class tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.labels import CAMVID, CITYSCAPES, Labels
from espnet_ros.core.mapper import default_layers
from espnet_ros.core.occupancy import LayerSet
from espnet_ros.core.parameter_file import read_parameter_file
from espnet_ros.nav2.check import check_file

ROOT = Path(__file__).resolve().parents[1]
NAV2 = sorted((ROOT / 'config/nav2').glob('*.yaml'))
PRESETS = sorted((ROOT / 'config/layers').glob('*.yaml'))
LABELS = {'camvid': CAMVID, 'cityscapes': CITYSCAPES}
# Where the robot belongs; everything else it can meet costs something.
FREE = {
    'delivery_robot_camvid': {'Pavement'},
    'road_vehicle_camvid': {'Road'},
    'field_robot_camvid': {'Road', 'Pavement'},
    'delivery_robot_cityscapes': {'sidewalk'},
    'road_vehicle_cityscapes': {'road'},
    'field_robot_cityscapes': {'terrain'},
}
PEOPLE = {'camvid': {'Pedestrian', 'Bicyclist'}, 'cityscapes': {'person', 'rider'}}


def labels_of(path: Path) -> Labels:
    return LABELS[path.stem.rpartition('_')[2]]


def layers_of(path: Path) -> dict:
    document = yaml.safe_load(path.read_text(encoding='utf-8'))
    parameters = document['/**/segmentation']['ros__parameters']
    assert list(document) == ['/**/segmentation'] and list(parameters) == ['layers', 'projection']
    return parameters['layers']


def test_all_are_there():
    assert [p.stem for p in NAV2] == [
        'lifecycle_manager',
        'obstacle_layer',
        'semantic_segmentation_layer',
        'static_layer',
    ]
    assert {p.stem for p in PRESETS} == set(FREE)


@pytest.mark.parametrize('path', NAV2, ids=lambda p: p.stem)
def test_the_nav2_files_have_no_trap(path):
    report = check_file(path, CAMVID)
    assert report.is_ours
    assert report.findings == ()


@pytest.mark.parametrize('preset', PRESETS, ids=lambda p: p.stem)
@pytest.mark.parametrize('name', ['static_layer', 'obstacle_layer', 'lifecycle_manager'])
def test_the_nav2_files_fit_every_preset(name, preset):
    path = ROOT / f'config/nav2/{name}.yaml'
    assert check_file(path, labels_of(preset), layers=preset).findings == ()


def test_the_obstacle_layer_names_a_preset_that_has_its_layers():
    path = ROOT / 'config/nav2/obstacle_layer.yaml'
    text = path.read_text(encoding='utf-8')
    (name,) = re.findall(r'layers:=(\w+)', text)
    (preset,) = (p for p in PRESETS if p.stem == name)
    (note,) = check_file(path, CAMVID).notes
    assert 'layer names are not checked (people, vehicles, structures)' in note
    assert check_file(path, CAMVID, layers=preset).notes == ()
    # What a node without the preset has instead.
    (default,) = default_layers(CAMVID)
    assert f'only a layer named {default.name}' in note and f'layer {default.name} alone' in text


def test_the_layers_in_the_comments_of_the_static_layer_have_no_trap(tmp_path):
    text = (ROOT / 'config/nav2/static_layer.yaml').read_text(encoding='utf-8')
    before, rest = text.split('before inflation_layer:\n')
    commented = re.match(r'(?:      # .*\n)+', rest)
    assert commented
    lines = re.sub(r'(?m)^      # ', '      ', commented.group())
    names = ['people_layer', 'structures_layer']
    plugins = before.replace('["semantic_layer",', f'["{names[0]}", "{names[1]}",')
    own = plugins[: plugins.index('      semantic_layer:')]
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(own + lines + rest[commented.end() :], encoding='utf-8')
    values = read_parameter_file(path).nodes()[0].values
    assert [values[f'{n}.map_topic'].value for n in names] == [
        '/segmentation/layers/people',
        '/segmentation/layers/structures',
    ]
    for preset in PRESETS:
        assert check_file(path, labels_of(preset), layers=preset).findings == ()


@pytest.mark.parametrize('path', NAV2, ids=lambda p: p.stem)
def test_the_nav2_files_repeat_no_key(path):
    assert read_parameter_file(path).duplicates == ()


@pytest.mark.parametrize('path', PRESETS, ids=lambda p: p.stem)
def test_a_preset_makes_layers_of_its_classes(path):
    layers, labels = layers_of(path), labels_of(path)
    given = {f'layers.{n}.{leaf}': v for n, layer in layers.items() for leaf, v in layer.items()}
    LayerSet(NodeConfig.from_parameters(given).layers, labels)
    for name, layer in layers.items():
        assert set(layer) == {'classes', 'cost', 'min_probability'}, name
        assert 0 < layer['cost'] <= 100 and layer['cost'] != 99
        # An integer for a double is refused by some releases.
        assert isinstance(layer['min_probability'], float)
    assert 'clear' not in layers


@pytest.mark.parametrize('path', PRESETS, ids=lambda p: p.stem)
def test_whatever_is_not_the_robots_own_ground_costs_something(path):
    named = [name for layer in layers_of(path).values() for name in layer['classes']]
    assert len(named) == len(set(named))
    met = {c.name for c in labels_of(path) if c.kind in ('ground', 'upright')}
    assert met - set(named) == FREE[path.stem]
    assert set(named) <= met


@pytest.mark.parametrize('path', PRESETS, ids=lambda p: p.stem)
def test_people_are_lethal_and_the_first_to_be_marked(path):
    layers = layers_of(path)
    assert set(layers['people']['classes']) == PEOPLE[path.stem.rpartition('_')[2]]
    assert [layers[n]['cost'] for n in ('people', 'vehicles', 'structures')] == [100] * 3
    soonest = min(layer['min_probability'] for layer in layers.values())
    assert layers['people']['min_probability'] == soonest


@pytest.mark.parametrize('path', PRESETS, ids=lambda p: p.stem)
def test_a_preset_names_itself_and_its_free_ground(path):
    head = path.read_text(encoding='utf-8').split('/**/segmentation')[0]
    assert f'--params-file {path.name}' in head
    assert f'here {" and ".join(sorted(FREE[path.stem], reverse=True))}.' in head


@pytest.mark.parametrize('namespace', ['', '/robot1'])
def test_the_lifecycle_manager_reads_its_file_in_any_namespace(namespace: str, ros_domain: int):
    rclpy = pytest.importorskip('rclpy')
    path = ROOT / 'config/nav2/lifecycle_manager.yaml'
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    try:
        node = rclpy.create_node(
            'lifecycle_manager_segmentation', namespace=namespace, context=context,
            cli_args=['--ros-args', '--params-file', str(path)],
            automatically_declare_parameters_from_overrides=True,
        )  # fmt: skip
        assert node.get_parameter('bond_timeout').value == 0.0
        assert node.get_parameter('node_names').value == ['segmentation']
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
