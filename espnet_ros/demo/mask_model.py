"""The model of `espnet_ros demo --true-masks`: it returns the image as the mask.

Its "network" returns channel 0 of the image as the mask, with full confidence. If a camera
publishes (id, id, id) at each pixel, this shows what everything behind the network makes of
perfect masks. It comes with the package, so that the demo needs no `onnx`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from espnet_ros.bundle import Bundle, write_model_folder
from espnet_ros.bundle_checks import CLASSES_KEY
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.model_description import ModelDescription

FOLDER = Path(__file__).with_name('true_masks')

_OPSET = 17


def write_mask_model(path: str | os.PathLike[str]) -> Bundle:
    """Write the model folder; needs the package onnx.

    :param path: the folder, see `espnet_ros.bundle.write_model_folder`.
    """
    description = ModelDescription(
        name='true_masks',
        # It has none, but a folder must name one, and this one says nothing about the decoder.
        architecture={'name': 'espnet_c', 'classes': len(CAMVID), 'alpha2': 0, 'alpha3': 0},
        size_wh=(480, 360),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        input_scale=1.0,
        labels=CAMVID,
        metrics={},
        licence='Apache-2.0',
    )
    return write_model_folder(path, description, {'weights': _weights(), 'onnx': _graph()})


def _weights() -> bytes:
    """Return safetensors with the one tensor whose shape gives the class count, without data."""
    shape = [len(CAMVID), 0]
    tensor = {'dtype': 'F32', 'shape': shape, 'data_offsets': [0, 0]}
    header = json.dumps({'classifier.weight': tensor}).encode()
    return len(header).to_bytes(8, 'little') + header


def _graph() -> bytes:
    import onnx

    make, types = onnx.helper, onnx.TensorProto
    channel = make.make_tensor('channel', types.INT64, [], [0])
    sure = make.make_tensor('sure', types.UINT8, [1], [255])
    shape = ['batch', 'height', 'width']
    graph = make.make_graph(
        [
            make.make_node('Gather', ['image', 'channel'], ['mask'], axis=3),
            make.make_node('Shape', ['mask'], ['shape']),
            make.make_node('ConstantOfShape', ['shape'], ['confidence'], value=sure),
        ],
        'true_masks',
        [make.make_tensor_value_info('image', types.UINT8, [*shape, 3])],
        [make.make_tensor_value_info(n, types.UINT8, shape) for n in ('mask', 'confidence')],
        [channel],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid('', _OPSET)], ir_version=8)
    make.set_model_props(model, {CLASSES_KEY: str(len(CAMVID))})
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content
