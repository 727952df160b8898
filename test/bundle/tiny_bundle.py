"""The model folder that these tests save and load: three classes, and no network in its files."""

import json

from espnet_ros.bundle import Bundle, save_bundle
from espnet_ros.bundle_checks import CLASSES_KEY
from espnet_ros.core.labels import LabelClass, Labels

LABELS = Labels([LabelClass(n, (1, 2, 3), 'ground') for n in ('road', 'kerb', 'rail')])


def safetensors(classes: int, name: str = 'classifier.weight') -> bytes:
    shape = {'dtype': 'F32', 'shape': [classes, 1, 1, 1], 'data_offsets': [0, 4 * classes]}
    header = json.dumps({'__metadata__': {'format': 'pt'}, name: shape}).encode()
    return len(header).to_bytes(8, 'little') + header + bytes(4 * classes)


def onnx(classes: int) -> bytes:
    """Return a ModelProto with ir_version 8 (field 1), a graph of 300 bytes and metadata."""
    key, value = CLASSES_KEY.encode(), str(classes).encode()
    entry = b'\x0a' + bytes([len(key)]) + key + b'\x12' + bytes([len(value)]) + value
    graph = b'\x3a' + b'\xac\x02' + bytes(300)
    return b'\x08\x08' + graph + b'\x72' + bytes([len(entry)]) + entry


def save(folder, **changes) -> Bundle:
    parts = {
        'architecture': {'name': 'espnet_c', 'classes': 3, 'alpha2': 2, 'alpha3': 8},
        'size_wh': (64, 48),
        'mean': (10.5, 20, 30),
        'std': (40, 50, 60),
        'input_scale': 1 / 255,
        'labels': LABELS,
        'metrics': {'miou': 0.5},
        'licence': 'MIT',
        'contents': {'weights': safetensors(3), 'onnx': onnx(3)},
    }
    return save_bundle(folder, **(parts | changes))
