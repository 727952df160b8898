"""A model whose answer is known for every pixel, and pictures for it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.bundle import save_bundle
from espnet_ros.bundle_checks import CLASSES_KEY
from espnet_ros.core.labels import LabelClass, Labels

SIZE_WH = (64, 48)
LABELS = Labels(
    [LabelClass('Dark', (200, 0, 0), 'upright'), LabelClass('Green', (0, 20, 100), 'ground')]
)


def picture(split: int) -> np.ndarray:
    """Green left of a column, blue from there on; the red is another number in each picture."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :split, 1] = 220
    image[:, split:, 0] = 150
    image[:, :, 2] = split
    return image


def split_of(index: int) -> int:
    return 8 * (1 + index % 6)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for index in range(10):
        cv2.imwrite(str(folder / f'{index}.png'), picture(split_of(index)))
    return folder


@pytest.fixture(params=['buffered', 'unbuffered'])
def nobody_reads(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which stdout is a pipe whose reader has left."""

    @contextlib.contextmanager
    def without_reader() -> Iterator[None]:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, 'w', encoding='utf-8') as stdout:
            if request.param == 'unbuffered':
                stdout.reconfigure(write_through=True, line_buffering=True)
            with contextlib.redirect_stdout(stdout):
                yield

    return without_reader


@pytest.fixture(scope='session')
def green_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder: class 1 where green is above 127, else 0; confidence 200."""
    weights = {'classifier.weight': {'dtype': 'F32', 'shape': [2, 1], 'data_offsets': [0, 8]}}
    header = json.dumps(weights).encode()
    folder = tmp_path_factory.mktemp('models') / 'green'
    save_bundle(
        folder,
        architecture={'name': 'espnet_c', 'classes': 2, 'alpha2': 1, 'alpha3': 1},
        size_wh=SIZE_WH,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        input_scale=1.0,
        labels=LABELS,
        metrics={},
        licence='Apache-2.0',
        contents={
            'weights': len(header).to_bytes(8, 'little') + header + bytes(8),
            'onnx': _green_onnx(),
        },
    )
    return folder


def _green_onnx() -> bytes:
    onnx = pytest.importorskip('onnx')
    make, types = onnx.helper, onnx.TensorProto

    def constant(name: str, values: list[int], kind: int) -> object:
        return make.make_tensor(name, kind, [len(values)], values)

    graph = make.make_graph(
        [
            make.make_node('Slice', ['image', 'one', 'two', 'three'], ['slice']),
            make.make_node('Squeeze', ['slice', 'three'], ['green']),
            make.make_node('Cast', ['green'], ['number'], to=types.INT32),
            make.make_node('Greater', ['number', 'half'], ['above']),
            make.make_node('Cast', ['above'], ['mask'], to=types.UINT8),
            make.make_node('Mul', ['number', 'zero'], ['nothing']),
            make.make_node('Add', ['nothing', 'sure'], ['total']),
            make.make_node('Cast', ['total'], ['confidence'], to=types.UINT8),
        ],
        'green',
        [make.make_tensor_value_info('image', types.UINT8, ['n', 'h', 'w', 3])],
        [
            make.make_tensor_value_info(name, types.UINT8, ['n', 'h', 'w'])
            for name in ('mask', 'confidence')
        ],
        [
            constant('one', [1], types.INT64),
            constant('two', [2], types.INT64),
            constant('three', [3], types.INT64),
            constant('half', [127], types.INT32),
            constant('zero', [0], types.INT32),
            constant('sure', [200], types.INT32),
        ],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid('', 17)], ir_version=8)
    onnx.helper.set_model_props(model, {CLASSES_KEY: '2'})
    return bytes(model.SerializeToString())
