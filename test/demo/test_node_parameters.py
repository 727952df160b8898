from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from espnet_ros.bundle import Bundle
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import BackendUnavailableError, ParameterError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.core.transforms import camera_mount
from espnet_ros.demo import mask_model, node_parameters
from espnet_ros.demo.node_parameters import node_setup, true_masks_parameters
from espnet_ros.demo.sources import Source
from espnet_ros.sim import Camera

MOUNT = Camera(height_m=0.7, pitch_rad=0.3, yaw_rad=-0.2, forward_m=0.4, left_m=0.1)


def source(mount: Camera | None) -> Source:
    return Source('s', (64, 40), 1, np.eye(3), lambda: iter(()), mount=mount)


@pytest.fixture
def camvid() -> Bundle:
    return Bundle.load(mask_model.FOLDER)


@pytest.fixture
def other(camvid) -> Bundle:
    classes = [('grass', 'ground'), ('cow', 'upright')]
    labels = Labels([LabelClass(name, (1, 2, 3), kind) for name, kind in classes])
    return Bundle(**{**vars(camvid), 'labels': labels})


def test_the_node_is_told_where_the_camera_sits(camvid):
    setup = node_setup({'backend': 'onnx'}, camvid, source(MOUNT))
    values = setup.parameters
    assert values['backend'] == 'onnx' and values['pose.source'] == 'odometry'
    T_base_camera = camera_mount(values['camera_mount.xyz'], values['camera_mount.rpy'])
    assert np.allclose(T_base_camera, MOUNT.pose(), atol=1e-12)


def test_camvid_models_get_the_layers_of_a_vehicle_on_roads(camvid, tmp_path):
    setup = node_setup({}, camvid, source(MOUNT))
    names = ['pavement', 'people', 'structures', 'vehicles']
    assert sorted(layer.name for layer in setup.layers) == names
    assert setup.grid_topics[0] == 'costmap'
    assert sorted(setup.grid_topics[1:]) == [f'layers/{name}' for name in names]
    flags = setup.arguments(tmp_path)
    assert flags[0] == '--ros-args' and flags[1::2] == ['--params-file'] * 2
    first, second = (yaml.safe_load(Path(path).read_text()) for path in flags[2::2])
    assert first == {'/**': {'ros__parameters': json.loads(json.dumps(dict(setup.parameters)))}}
    assert list(second) == ['/**/segmentation']


def test_other_models_keep_the_nodes_own_layers(other, tmp_path):
    setup = node_setup({}, other, source(MOUNT))
    assert setup.layers_file is None and len(setup.arguments(tmp_path)) == 3
    assert [layer.classes for layer in setup.layers] == [('cow',)]
    assert not [name for name in setup.parameters if 'overhang' in name]


def test_without_a_mount_there_is_no_costmap(camvid, tmp_path):
    setup = node_setup({'backend': 'onnx'}, camvid, source(None))
    assert set(setup.parameters) == {'model', 'backend'}
    assert setup.grid_topics == () and len(setup.arguments(tmp_path)) == 3


@pytest.mark.parametrize('mount', [MOUNT, None])
def test_a_parameter_of_the_user_is_checked_before_anything_starts(mount, camvid):
    with pytest.raises(ParameterError, match='openvin'):
        node_setup({'backend': 'openvin'}, camvid, source(mount))


def test_true_masks_are_not_resized_and_run_as_a_graph(monkeypatch):
    monkeypatch.setattr(node_parameters, 'is_installed', lambda name: True)
    values = true_masks_parameters({'backend': 'auto', 'device': 'cpu'}, (56, 40))
    assert values == {'backend': 'openvino', 'device': 'cpu', 'input.size_wh': [56, 40]}
    NodeConfig.from_parameters(values)
    assert true_masks_parameters({'backend': 'onnx'}, (56, 40))['backend'] == 'onnx'
    with pytest.raises(BackendUnavailableError, match='openvino or onnx, not torch'):
        true_masks_parameters({'backend': 'torch'}, (56, 40))


def test_true_masks_name_what_to_install(monkeypatch):
    monkeypatch.setattr(node_parameters, 'is_installed', lambda name: False)
    with pytest.raises(BackendUnavailableError, match='install openvino or onnxruntime'):
        true_masks_parameters({}, (56, 40))
