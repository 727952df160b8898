from __future__ import annotations

import pytest

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.node_parameters import read_parameters
from espnet_ros.resources import share_directory

# As a robot's one file has it: other nodes, a namespace, something for all.
ROBOT = """\
/**:
  ros__parameters: {use_sim_time: true, grid.half_life: 3.0, robot_frame: base}
controller_server:
  ros__parameters: {controller_frequency: 20.0, grid.size: [1.0, 1.0]}
robot1:
  local_costmap:
    local_costmap:
      ros__parameters: {plugins: [grid], layers: {road: {cost: 7}}}
  segmentation:
    ros__parameters:
      grid: {size: [6.0, 4.0], half_life: 2.0}
      projection.max_range: 5.0
      qos_overrides: {/tf: {subscription: {depth: 100}}}
/robot1/**:
  ros__parameters: {grid.half_life: 4.0}
/robot2/**:
  ros__parameters: {grid.half_life: 5.0}
/**/segmentation:
  ros__parameters: {grid.publish_rate: 2.0}
"""


def read(tmp_path, text, warned=None):
    file = tmp_path / 'robot.yaml'
    file.write_text(text)
    return read_parameters(file, [].append if warned is None else warned.append)


def test_only_what_the_node_is_given_counts_the_last_of_all_that_match(tmp_path):
    warned = []
    assert read(tmp_path, ROBOT, warned) == {
        'grid.size': [6.0, 4.0], 'grid.half_life': 4.0, 'grid.publish_rate': 2.0,
        'projection.max_range': 5.0,
    }  # fmt: skip
    (warning,) = warned
    assert "unknown parameter 'robot_frame', did you mean" in warning
    assert warning.endswith(' (in a section for many nodes)')


def test_an_unknown_name_of_the_nodes_own_is_left_to_the_config(tmp_path):
    values = read(tmp_path, '/ns/segmentation: {ros__parameters: {grid.sise: [3.0, 2.0]}}')
    assert values == {'grid.sise': [3.0, 2.0]}
    with pytest.raises(ParameterError, match=r"'grid\.sise', did you mean 'grid\.size'"):
        NodeConfig.from_parameters(values)


@pytest.mark.parametrize(
    ('sections', 'rate'),
    [
        # The last one wins, whether it is the node's own or for many.
        (('/**', 'segmentation'), 2.0),
        (('segmentation', '/**'), 2.0),
        (('/ns/segmentation', '/segmentation/other', '/*'), 1.0),
        (('/*', '/*/segmentation'), 1.0),
        (('/*/segmentation', '/ns/other'), 1.0),
        (('/ns/*',), 1.0),
    ],
)
def test_which_sections_are_the_nodes(sections, rate, tmp_path):
    texts = [
        f'{name}: {{ros__parameters: {{grid.publish_rate: {place}.0}}}}'
        for place, name in enumerate(sections, 1)
    ]
    assert read(tmp_path, '\n'.join(texts)) == {'grid.publish_rate': rate}


@pytest.mark.parametrize(
    'names', [('/a/segmentation', '/b/segmentation'), ('/a/**', '/b/*/segmentation')]
)
def test_two_nodes_of_its_name_are_refused(names, tmp_path):
    text = '\n'.join(f'{name}: {{ros__parameters: {{enabled: true}}}}' for name in names)
    with pytest.raises(ParameterError, match='expected parameters of one node') as error:
        read(tmp_path, text)
    assert f'found those of {names[0]} and {names[1]}: put each' in str(error.value)


@pytest.mark.parametrize('name', ['/other', '/**', 'segmentation'])
def test_a_file_of_other_nodes_alone_is_refused(name, tmp_path):
    with pytest.raises(ParameterError, match='of the node segmentation, found only those') as e:
        read(tmp_path, f'{name}: {{ros__parameters: {{use_sim_time: true}}}}')
    assert name in str(e.value)


@pytest.mark.parametrize('text', ['', '- a', 'node: {parameters: {}}', 'node: [', '{a: 1}'])
def test_another_file_is_refused(text, tmp_path):
    with pytest.raises(ParameterError, match=r'robot.yaml: expected (YAML|the parameters of ROS)'):
        read(tmp_path, text)


def test_the_presets_are_taken():
    files = sorted((share_directory() / 'config' / 'layers').glob('*_camvid.yaml'))
    assert len(files) == 3
    for file in files:
        config = NodeConfig.from_parameters(read_parameters(file))
        assert config.layers
        assert config.overhang_m == {'Bicyclist': 0.4, 'Pedestrian': 0.3}
