"""What the base class makes of the words of a library."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from espnet_ros.backends import create_backend
from espnet_ros.backends.base import Backend
from espnet_ros.core.errors import BackendError

onnx = pytest.importorskip('onnx')


@pytest.fixture(params=['my.dom', ''], ids=['another domain', 'no domain'])
def odd_model(request, checker, tmp_path):
    """Return the model with a multiplication turned into an operator that nobody has."""
    graph = onnx.load(str(checker.files['onnx']))
    node = next(n for n in graph.graph.node if n.op_type == 'Mul')
    node.op_type, node.domain = 'Frobnicate', request.param
    if request.param:
        graph.opset_import.append(onnx.helper.make_opsetid(request.param, 1))
    file = tmp_path / 'model.onnx'
    onnx.save(graph, str(file))
    return dataclasses.replace(checker, files={**checker.files, 'onnx': file})


@pytest.mark.parametrize(('name', 'library'), [('onnx', 'onnxruntime'), ('openvino', 'openvino')])
def test_an_operator_that_the_library_has_not_is_named(name: str, library: str, odd_model):
    pytest.importorskip(library)
    backend = create_backend(name, odd_model, 'cpu', 'f32')
    with pytest.raises(BackendError) as caught:
        backend.__enter__()
    words = str(caught.value)
    assert words.startswith(f'backend {name} has no operator ')
    assert 'Frobnicate' in words.split(',')[0]
    assert '`espnet_ros export`, or choose backend torch' in words
    assert '\n' not in words


class Wordy(Backend):
    """Fails with words over several lines, while it loads or when it runs."""

    name = 'wordy'
    device_kinds = ('cpu',)
    precisions = ('f32',)
    loads = True

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        if not self.loads:
            raise RuntimeError('Exception from a.cpp:84:\n\n  Check failed\n')
        return 'CPU', 'f32'

    def _infer(self, images):
        raise RuntimeError('Exception from a.cpp:84:\n\n  Check failed\n')

    def _free(self) -> None:
        pass


class Typed(Wordy):
    """Gives black masks of some type."""

    name = 'typed'
    kinds = (np.uint8, np.uint8)

    def _infer(self, images):
        return tuple(np.zeros(images.shape[:3], kind) for kind in self.kinds)


@pytest.mark.parametrize(
    ('kinds', 'words'),
    [
        ((np.int64, np.uint8), r'typed must give the mask as uint8 \(1, 8, 16\), but gave int64 '),
        ((np.uint8, np.float32), r'must give the confidence as uint8 \(1, 8, 16\), but gave flo'),
    ],
)
def test_what_a_library_gives_is_uint8(kinds, words: str, checker):
    backend = Typed(checker)
    images = np.zeros((1, 8, 16, 3), np.uint8)
    with backend:
        backend.infer(images)
        backend.kinds = kinds
        with pytest.raises(BackendError, match=words):
            backend.infer(images)


def test_what_a_library_says_is_one_line(checker):
    backend = Wordy(checker)
    words = r'16x8 in a batch of 1: Exception from a\.cpp:84: Check failed$'
    with backend, pytest.raises(BackendError, match=words):
        backend.infer(np.zeros((1, 8, 16, 3), np.uint8))
    backend.loads = False
    with pytest.raises(BackendError, match=r'checker: Exception from a\.cpp:84: Check failed$'):
        backend.__enter__()
