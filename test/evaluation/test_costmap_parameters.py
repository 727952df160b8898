from __future__ import annotations

import pytest

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ParameterError
from espnet_ros.evaluation.costmap_parameters import read_parameters
from espnet_ros.resources import share_directory


def test_nested_names_of_all_nodes(tmp_path):
    file = tmp_path / 'node.yaml'
    file.write_text(
        '/**/segmentation:\n  ros__parameters:\n    grid: {size: [6.0, 4.0]}\n'
        '    projection.max_range: 5.0\n'
        '/other:\n  ros__parameters:\n    layers: {road: {classes: [Road], cost: 3}}\n'
    )
    assert read_parameters(file) == {
        'grid.size': [6.0, 4.0], 'projection.max_range': 5.0,
        'layers.road.classes': ['Road'], 'layers.road.cost': 3,
    }  # fmt: skip


@pytest.mark.parametrize('text', ['', '- a', 'node: {parameters: {}}', 'node: [', '{a: 1}'])
def test_another_file_is_refused(text, tmp_path):
    file = tmp_path / 'other.yaml'
    file.write_text(text)
    with pytest.raises(ParameterError, match=r'other.yaml is no ROS parameter file: expected'):
        read_parameters(file)


def test_the_presets_are_taken():
    for file in (share_directory() / 'config' / 'layers').glob('*_camvid.yaml'):
        config = NodeConfig.from_parameters(read_parameters(file))
        assert config.layers
        assert config.overhang_m == {'Bicyclist': 0.4, 'Pedestrian': 0.3}
