import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import espnet_ros.backends as backends
from espnet_ros.backends import create_backend
from espnet_ros.backends.auto_backend import AutoBackend
from espnet_ros.core.config import find_spec
from espnet_ros.core.errors import BackendUnavailableError, BundleError
from espnet_ros.core.inference import BACKENDS, PRECISIONS


@pytest.fixture
def without(monkeypatch):
    """Make the given packages look as if they were not installed."""

    def hide(*libraries):
        for library in libraries:
            monkeypatch.setitem(sys.modules, library, None)

    return hide


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(backends, 'cuda_devices', lambda: 0)


@pytest.mark.parametrize('kind', [str, Path])
@pytest.mark.parametrize('name', ['onnx', 'auto'])
def test_a_model_may_be_named_by_its_folder(checker, no_cuda, name, kind):
    image = np.zeros((1, 48, 64, 3), np.uint8)
    with create_backend(name, kind(checker.path), 'cpu') as backend:
        mask, _ = backend.infer(image)
    assert mask.shape == (1, 48, 64)
    with pytest.raises(BundleError, match="no model 'espnet_camvit'"):
        create_backend(name, 'espnet_camvit')


def test_unknown_backends_are_refused(checker):
    words = "auto, tensorrt, openvino, onnx, torch, got 'trt'"
    with pytest.raises(BackendUnavailableError, match=words):
        create_backend('trt', checker)


def test_the_parameters_offer_what_backends_can_do(checker, monkeypatch):
    assert find_spec('backend').choices == ('auto', *BACKENDS)
    assert find_spec('precision').choices == ('auto', *PRECISIONS)
    monkeypatch.setattr(backends, 'installed', lambda library: True)
    able = {name: create_backend(name, checker).precisions for name in BACKENDS}
    assert all(set(precisions) <= set(PRECISIONS) for precisions in able.values()), able
    assert {p for precisions in able.values() for p in precisions} == set(PRECISIONS)
    assert AutoBackend.precisions == PRECISIONS
    assert set(backends._BACKENDS) == set(BACKENDS)


@pytest.mark.parametrize(
    ('name', 'library', 'others'),
    [
        ('openvino', 'openvino', 'onnx or torch'),
        ('onnx', 'onnxruntime', 'openvino or torch'),
        ('torch', 'torch', 'openvino or onnx'),
    ],
)
def test_a_missing_library_comes_with_its_cure(
    name, library, others, checker, without, no_cuda
):
    without(library)
    words = f'backend {name} needs .* `pip install {library}`.*, or choose backend {others}'
    with pytest.raises(BackendUnavailableError, match=words):
        create_backend(name, checker)


def test_tensorrt_comes_with_jetpack_or_pip(checker, without):
    without('tensorrt', 'tensorrt_rtx')
    words = 'needs .* tensorrt, .*: on a Jetson `sudo apt install python3-libnvinfer`.*elsewhere '
    with pytest.raises(BackendUnavailableError, match=words + '`pip install tensorrt`, or choose'):
        create_backend('tensorrt', checker)


def test_a_library_that_does_not_load_says_why(checker, tmp_path, monkeypatch):
    (tmp_path / 'openvino.py').write_text("raise ImportError('libtbb.so.12: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    for module in [m for m in sys.modules if m.partition('.')[0] == 'openvino']:
        monkeypatch.delitem(sys.modules, module)
    with (
        pytest.raises(BackendUnavailableError, match=r'does not load \(libtbb\.so\.12'),
        create_backend('openvino', checker),
    ):
        pass


def test_auto_takes_the_first_that_is_installed(checker, without, no_cuda):
    assert create_backend('auto', checker).name == 'openvino'
    without('openvino')
    assert create_backend('auto', checker).name == 'onnx'
    without('onnxruntime')
    assert create_backend('auto', checker).name == 'torch'
    without('torch')
    words = r'openvino \(`pip.*; onnxruntime \(`pip.*; torch \(on a Jetson NVIDIA'
    with pytest.raises(BackendUnavailableError, match=words):
        create_backend('auto', checker)


def test_auto_takes_what_can_do_as_asked(checker, no_cuda, without):
    assert create_backend('auto', checker, device='cuda').name == 'onnx'
    without('openvino')
    assert create_backend('auto', checker, precision='bf16').name == 'torch'


def test_auto_takes_tensorrt_where_nothing_else_can(checker, monkeypatch):
    monkeypatch.setattr(backends, 'installed', lambda library: library == 'tensorrt_rtx')
    monkeypatch.setattr(backends, 'cuda_devices', lambda: 1)
    assert create_backend('auto', checker).name == 'tensorrt'
    assert create_backend('auto', checker, 'cuda:0', 'f16').name == 'tensorrt'
    with pytest.raises(BackendUnavailableError, match=r'device cpu: .* install one of openv'):
        create_backend('auto', checker, 'cpu')
    monkeypatch.setattr(backends, 'cuda_devices', lambda: 0)
    with pytest.raises(BackendUnavailableError, match=r'device auto: .* install one of openv'):
        create_backend('auto', checker)


def test_auto_prefers_pytorch_where_it_has_a_gpu(checker, monkeypatch):
    torch = pytest.importorskip('torch')
    monkeypatch.setattr(backends, 'installed', lambda library: True)
    monkeypatch.setattr(backends, 'cuda_devices', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert create_backend('auto', checker).name == 'torch'
    assert create_backend('auto', checker, device='cpu').name == 'openvino'
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    # As in JetPack, where PyTorch from pip has no CUDA, a GPU is not left idle.
    assert create_backend('auto', checker).name == 'tensorrt'
    assert create_backend('auto', checker, device='cpu').name == 'openvino'


@pytest.mark.parametrize(
    ('device', 'precision', 'expected'),
    [
        (
            'auto', 'auto',
            ['torch cuda', 'tensorrt auto', 'openvino auto', 'onnx auto', 'torch cpu'],
        ),
        ('cpu', 'auto', ['openvino cpu', 'onnx cpu', 'torch cpu']),
        ('cuda:1', 'auto', ['torch cuda:1', 'tensorrt cuda:1', 'onnx cuda:1']),
        ('auto', 'bf16', ['torch cuda', 'openvino auto', 'torch cpu']),
        # PyTorch has float16 on CUDA only.
        ('auto', 'f16', ['torch cuda', 'tensorrt auto']),
        ('auto', 'int8', ['tensorrt auto', 'openvino auto']),
    ],
)
def test_auto_goes_on_from_the_gpu_to_the_others(
    device, precision, expected, checker, monkeypatch
):
    torch = pytest.importorskip('torch')
    monkeypatch.setattr(backends, 'installed', lambda library: True)
    monkeypatch.setattr(backends, 'cuda_devices', lambda: 2)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    backend = create_backend('auto', checker, device, precision)
    chosen = [f'{b.name} {b.device}' for b in getattr(backend, '_candidates', [backend])]
    assert chosen == expected


@pytest.mark.parametrize(
    ('name', 'options', 'words'),
    [
        ('openvino', {'device': 'gpu'}, "auto, cpu, cuda or cuda:N, got 'gpu'"),
        ('openvino', {'device': 'cuda'}, "runs on cpu, not on 'cuda'"),
        ('openvino', {'precision': 'f16'}, "computes in f32 or bf16 or int8, not in 'f16'"),
        ('onnx', {'precision': 'bf16'}, "computes in f32, not in 'bf16'"),
        ('tensorrt', {'device': 'cpu'}, "runs on cuda, not on 'cpu'"),
        ('tensorrt', {'precision': 'bf16'}, "computes in f32 or f16 or int8, not in 'bf16'"),
        ('torch', {'precision': 'int8'}, "computes in f32 or bf16 or f16, not in 'int8'"),
        ('torch', {'device': 'cpu', 'precision': 'f16'}, 'f16 only on CUDA devices'),
        ('torch', {'device': 'cuda:99'}, "has no device 'cuda:99'"),
        ('onnx', {'device': 'cuda:99'}, "has no device 'cuda:99'"),
    ],
)
def test_devices_and_precisions_that_are_not_there(name, options, words, checker, monkeypatch):
    monkeypatch.setattr(backends, 'installed', lambda library: True)
    with (
        pytest.raises(BackendUnavailableError, match=words),
        create_backend(name, checker, **options),
    ):
        pass


def test_bf16_is_refused_on_a_processor_without_it(checker):
    openvino = pytest.importorskip('openvino')
    if 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        pytest.skip('this processor computes in bf16')
    with (
        pytest.raises(BackendUnavailableError, match='AVX512-BF16 or AMX, this one has neither'),
        create_backend('openvino', checker, precision='bf16'),
    ):
        pass


def test_nothing_heavy_is_imported_before_a_backend_is_entered(checker):
    script = (
        'import sys\n'
        'from espnet_ros.backends import create_backend\n'
        'from espnet_ros.bundle import Bundle\n'
        f'create_backend("openvino", Bundle.load({str(checker.path)!r}))\n'
        'heavy = {"torch", "openvino", "onnxruntime", "onnx", "safetensors", "tensorrt_rtx"}\n'
        'heavy &= set(sys.modules)\n'
        'assert not heavy, heavy\n'
    )
    subprocess.run([sys.executable, '-c', script], check=True, timeout=60)


@pytest.mark.parametrize(
    ('device', 'precision', 'words'),
    [
        ('gpu', 'auto', "device must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ('auto', 'fp16', "precision must be auto, .*f16.*, got 'fp16'"),
    ],
)
def test_auto_says_which_word_is_wrong(device, precision, words, checker):
    with pytest.raises(BackendUnavailableError, match=words):
        create_backend('auto', checker, device, precision)
