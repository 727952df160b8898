"""What the demo tells the node: model, camera mount and layers, as parameter files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.backends import is_installed, library_of
from espnet_ros.bundle import Bundle
from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.layers import LayerSpec
from espnet_ros.core.mapper import default_layers
from espnet_ros.core.node_parameters import read_parameters
from espnet_ros.demo.sources import Source
from espnet_ros.resources import share_directory

# The robot drives on the road of the street.
_LAYERS_FILE = 'config/layers/road_vehicle_camvid.yaml'
# The backends that can run a model that has no network, only a graph.
_GRAPH_BACKENDS = ('openvino', 'onnx')


@dataclass(frozen=True)
class NodeSetup:
    """How the node of a demo is started.

    :param parameters: by dotted name.
    :param layers_file: parameter file to pass after them, None for the node's own layers.
    :param layers: that the costmap is made of; empty where there is no costmap.
    """

    parameters: Mapping[str, Any]
    layers_file: Path | None
    layers: tuple[LayerSpec, ...]

    @property
    def grid_topics(self) -> tuple[str, ...]:
        """Return the topics of the occupancy grids, below the node's name."""
        names = tuple(f'layers/{layer.name}' for layer in self.layers)
        return ('costmap', *names) if names else ()

    def arguments(self, folder: Path) -> list[str]:
        """Write the parameter files into a folder and return the node's arguments."""
        path = folder / 'parameters.yaml'
        # JSON is YAML, and quotes what YAML would take for a number.
        path.write_text(json.dumps({'/**': {'ros__parameters': dict(self.parameters)}}))
        files = [path, *([self.layers_file] if self.layers_file else [])]
        return ['--ros-args', *(a for file in files for a in ('--params-file', str(file)))]


def node_setup(asked: Mapping[str, Any], bundle: Bundle, source: Source) -> NodeSetup:
    """Return how to start the node.

    :param asked: parameters that the user gave.
    :raises EspnetRosError: if the parameters or the layers file are refused.
    """
    parameters: dict[str, Any] = {'model': str(bundle.path.resolve()), **asked}
    if source.mount is None:
        NodeConfig.from_parameters(parameters)
        return NodeSetup(parameters, None, ())
    mount = source.mount
    parameters |= {
        'pose.source': 'odometry',
        'camera_mount.xyz': [mount.forward_m, mount.left_m, mount.height_m],
        'camera_mount.rpy': [0.0, mount.pitch_rad, mount.yaw_rad],
    }
    file = None
    if set(CAMVID.names) <= set(bundle.labels.names):
        file = share_directory() / _LAYERS_FILE
    config = NodeConfig.from_parameters({**parameters, **(read_parameters(file) if file else {})})
    return NodeSetup(parameters, file, config.layers or tuple(default_layers(bundle.labels)))


def true_masks_parameters(asked: Mapping[str, str], size_wh: tuple[int, int]) -> dict[str, Any]:
    """Return the parameters that let masks through as they are.

    :param asked: what the user gave; its backend must run a graph.
    :param size_wh: of the masks that the camera publishes.
    :raises BackendUnavailableError: if the backend can't run a graph, or none that can is here.
    """
    able = [name for name in _GRAPH_BACKENDS if is_installed(name)]
    backend = asked.get('backend', 'auto')
    if backend == 'auto' and able:
        backend = able[0]
    if backend not in _GRAPH_BACKENDS:
        raise BackendUnavailableError(
            f'--true-masks needs the backend {" or ".join(_GRAPH_BACKENDS)}, not {backend}: '
            f'install {" or ".join(map(library_of, _GRAPH_BACKENDS))} with pip'
        )
    return {**asked, 'backend': backend, 'input.size_wh': list(size_wh)}
