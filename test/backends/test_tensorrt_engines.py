"""Which engines are built, in which precision, and which serve again.

What the builder does is held by test_tensorrt_builder.py.
"""

import logging
from collections import deque
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_tensorrt import FakeContext, FakeKernels, assert_right, every_kind, images, start

from espnet_ros.backends import create_backend, tensorrt_cache, tensorrt_engines
from espnet_ros.backends.cuda_driver import Cuda, Gpu
from espnet_ros.backends.tensorrt_backend import build_ahead
from espnet_ros.backends.tensorrt_builder import Profile
from espnet_ros.backends.tensorrt_engines import Engines
from espnet_ros.backends.tensorrt_library import Library
from espnet_ros.core.errors import BackendError, BackendUnavailableError


def fake_library(is_rtx):
    return Library(None, 'TensorRT 10.3.0', is_rtx, deque(maxlen=5), None)


@every_kind
def test_each_batch_size_has_a_graph_but_smaller_ones_no_engine(backend, built):
    backend.warm_up((24, 16), batch=3)
    for batch in (3, 1, 2, 3, 1, 2, 3, 1, 2):
        assert_right(backend, images(batch, batch, 16, 24))
    assert [call[:3] for call in built] == [(3, 16, 24)]
    assert_right(backend, images(4, 4, 16, 24))
    assert_right(backend, images(4, 1, 16, 24))
    assert [call[:3] for call in built] == [(3, 16, 24), (4, 16, 24)]


@every_kind
def test_more_shapes_than_are_kept_come_back_from_the_cache(backend, built):
    for width in (8, 16, 24, 32, 40, 48, 8, 16):
        assert_right(backend, images(width, 1, 16, width))
    assert [call[2] for call in built] == [8, 16, 24, 32, 40, 48]
    # TensorRT for RTX measures nothing.
    times = None if 'RTX' in backend.device else b'times'
    assert [call[3] for call in built] == [None, *[times] * 5]


@pytest.mark.parametrize('built', ['TensorRT for RTX 1.7'], indirect=True)
def test_rtx_compiles_its_kernels_once(built, checker, fake_cuda, monkeypatch):
    given = []
    monkeypatch.setattr(FakeKernels, 'given', given)
    monkeypatch.setattr(FakeContext, 'is_stream_capturable', lambda context, stream: False)
    captured, kept = fake_cuda.fake_captured(), []
    store = tensorrt_cache.store
    monkeypatch.setattr(
        tensorrt_cache, 'store', lambda kind, *what: kept.append(kind) or store(kind, *what)
    )
    for _ in range(2):
        with create_backend('tensorrt', checker, precision='f32') as backend:
            for seed in range(3):
                assert_right(backend, images(seed, 1, 16, 24))
    assert len(built) == 1 and given == [b'kernels']
    # What it was given is not written once more.
    assert kept.count('kernels') == 1
    assert fake_cuda.fake_captured() == captured


@pytest.mark.parametrize('built', ['TensorRT for RTX 1.7'], indirect=True)
def test_kernels_that_can_not_be_kept_cost_only_time(built, checker, monkeypatch):
    given = []
    monkeypatch.setattr(FakeKernels, 'given', given)
    monkeypatch.setattr(FakeKernels, 'serialize', lambda kernels: None)
    for _ in range(2):
        start(checker)
    assert not given


def test_the_orins_that_differ_only_in_memory_do_not_share_an_engine(built, checker, fake_cuda):
    with closing(Cuda(0)) as cuda:
        orin = cuda.gpu
    assert orin == Gpu('Orin', (8, 7), 16, 7)
    keys = [
        Engines(fake_library(False), SimpleNamespace(gpu=gpu), checker, 'f32').key(
            Profile(1, 16, 24)
        )
        for gpu in (orin, replace(orin, memory_gib=15))
    ]
    assert keys[0] != keys[1]


def test_auto_takes_half_precision_where_the_model_has_it(built, checker):
    with create_backend('tensorrt', checker) as backend:
        assert backend.precision == 'f16'


def test_half_precision_needs_its_file(built, checker, monkeypatch):
    files = {'onnx': checker.files['onnx']}
    single = SimpleNamespace(**{**vars(checker), 'files': files})
    with create_backend('tensorrt', single) as backend:
        assert backend.precision == 'f32'
    with (
        pytest.raises(BackendUnavailableError, match=r'espnet_ros export`, or .*precision f32'),
        create_backend('tensorrt', single, precision='f16'),
    ):
        pass
    files = {role: file for role, file in checker.files.items() if role != 'onnx_int8'}
    half = SimpleNamespace(**{**vars(checker), 'files': files})
    with (
        pytest.raises(BackendUnavailableError, match=r'export --int8`, or choose precision f16'),
        create_backend('tensorrt', half, precision='int8'),
    ):
        pass


@pytest.mark.parametrize(
    ('capability', 'is_rtx', 'asked', 'words'),
    [
        ((5, 2), False, 'f16', r'in f16 on Old \(compute capability 5\.2\).* f32, the next best'),
        ((5, 2), False, 'int8', 'in int8 on Old .*choose precision f32, the next best'),
        ((5, 3), False, 'int8', 'in int8 on Old .*choose precision f16, the next best'),
        ((7, 5), True, 'int8', 'in int8 on Old .*choose precision f16, the next best'),
    ],
)
def test_a_precision_the_gpu_has_not_comes_with_the_next_best(
    capability, is_rtx, asked, words, checker
):
    library, gpu = fake_library(is_rtx), Gpu('Old', capability, 4, 4)
    with pytest.raises(BackendUnavailableError, match=words):
        tensorrt_engines.resolve_precision(asked, checker, library, gpu)


def test_int8_has_to_be_named(checker):
    library, orin = fake_library(False), Gpu('Orin', (8, 7), 16, 7)
    old = Gpu('Old', (5, 2), 4, 4)
    cases = (('auto', orin, 'f16'), ('int8', orin, 'int8'), ('auto', old, 'f32'))
    for asked, gpu, resolved in cases:
        assert tensorrt_engines.resolve_precision(asked, checker, library, gpu) == resolved


def test_precisions_do_not_share_an_engine(built, checker, caplog):
    caplog.set_level(logging.WARNING)
    for precision in ('f32', 'f16', 'int8'):
        with create_backend('tensorrt', checker, precision=precision) as backend:
            backend.warm_up((24, 16))
    assert len(built) == 3
    assert 'TensorRT 10.3.0 builds an engine in f16 for model checker and 24x16' in caplog.text


def test_an_engine_built_ahead_is_the_one_that_runs(built, checker, fake_cuda, monkeypatch):
    before = fake_cuda.fake_live()
    words, was_built = build_ahead(checker, 'auto', 'f32', (24, 16))
    assert was_built and (fake_cuda.fake_live(), fake_cuda.fake_current()) == (before, 0)
    assert words == (
        'engine of TensorRT 10.3.0 in f32 for model checker, images of 24x16, up to 1 at once, on '
        'Orin'
    )
    assert build_ahead(checker, 'cuda:0', 'f32', (24, 16)) == (words, False)
    start(checker)
    assert [call[:3] for call in built] == [(1, 16, 24)]
    build_ahead(checker, 'auto', 'f16', (24, 16), 3)
    assert [call[:3] for call in built] == [(1, 16, 24), (3, 16, 24)]


@pytest.mark.parametrize(
    ('device', 'precision', 'size', 'words'),
    [
        ('auto', 'f32', (20, 16), '20x16 is not: nearest are 16x16, 24x16'),
        ('auto', 'bf16', (24, 16), "computes in f32 or f16 or int8, not in 'bf16'"),
        ('cpu', 'f32', (24, 16), "runs on cuda, not on 'cpu'"),
        ('cuda:2', 'f32', (24, 16), 'no CUDA device 2, the driver finds 1'),
    ],
)
def test_what_can_not_be_built_ahead_is_said(device, precision, size, words, built, checker):
    with pytest.raises(BackendError, match=words):
        build_ahead(checker, device, precision, size)
    assert not built


def test_who_waits_is_told_how_far_the_build_is(built, checker):
    told = []
    backend = create_backend('tensorrt', checker, precision='f32')
    backend.on_progress = told.append
    with backend:
        backend.warm_up((24, 16))
    assert told == ['building the TensorRT engine, 40 % done']
