"""The table of the GPU report with made-up rows, and its end without a GPU."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import gpu_figures
import gpu_report
import numpy as np
import pytest
from gpu_figures import Peaks, Row, feature_values, floor_ms, table

from espnet_ros.backends import create_backend
from espnet_ros.backends.cuda_driver import Gpu
from espnet_ros.backends.machine import cuda_devices
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendError, BackendUnavailableError

ARCHITECTURE = {'name': 'espnet', 'classes': 11, 'alpha2': 2, 'alpha3': 8, 'skip': 'joined'}
SIZE = (1024, 512)


def test_values_that_leave_the_modules():
    # Half: 131072 pixels of 16 + 3 + 19 + 22; quarter: 32768 of 192 + 3 + 131 + 33; eighth:
    # 8192 of 1152 + 256 + 11.
    expected = 131072 * 60 + 32768 * 359 + 8192 * 1419
    assert feature_values(ARCHITECTURE, SIZE) == expected == 31_252_480


def test_the_floor_is_the_copies_and_the_slower_of_arithmetic_and_memory(monkeypatch):
    monkeypatch.setattr(gpu_figures, 'macs', lambda architecture, size: 5_000_000_000)
    monkeypatch.setattr(gpu_figures, 'feature_values', lambda architecture, size: 10_000_000)
    peaks = Peaks({'f32': 1e13, 'f16': 1e14}, memory=1e11, link=1e10)
    # 5 x 1024 x 512 bytes at 10 GB/s are 0.262144 ms; 1e10 operations are 1 ms in f32 and 0.1 ms
    # in f16; 8e7 bytes are 0.8 ms, 4e7 0.4 ms.
    for precision, batch, expected in (('f32', 1, 1.262144), ('f16', 3, 3 * 0.662144)):
        row = Row('tensorrt', precision, batch)
        assert floor_ms(row, peaks, ARCHITECTURE, SIZE) == pytest.approx(expected)
    assert floor_ms(Row('tensorrt', 'int8', 1), peaks, ARCHITECTURE, SIZE) is None


def cells(text):
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines()[2:]]


def test_ratios_are_to_eager_and_to_the_paper(monkeypatch):
    monkeypatch.setattr(gpu_figures, 'floor_ms', lambda *_: 0.5)
    rows = [
        Row('torch eager', 'f32', 1, 2.0, 1.0, 10.0, 11.0, 1.0),
        Row('tensorrt', 'f16', 1, 60.0, 0.5, 2.0, 2.5, 0.9985),
        Row('tensorrt', 'int8', 1, 70.0, 0.5, 1.0, 2.0, 0.95),
        Row('tensorrt', 'f32', 1, reason='FAILED: no memory'),
        Row('tensorrt', 'f16', 2, 60.0, 0.5, 4.0, 4.5, 0.9985),
    ]
    peaks = Peaks({}, 1.0, 1.0)
    text = table(rows, peaks, ARCHITECTURE, SIZE)
    eager, f16, int8, failed, two = cells(text)[:5]
    assert eager[3:] == ['2', '1', '10', '11', '100', '1', '0.8929', '0.5', '20', '100.000%']
    assert f16[5:] == ['2', '2.5', '500', '5', '4.464', '0.5', '4', '99.850%']
    assert int8[-1] == '95.000% WRONG'
    assert failed == ['tensorrt', 'f32', '1', *['-'] * 10]
    # There is no eager row of two images to compare with.
    assert two[7:9] == ['500', '-']
    assert text.splitlines()[-1] == 'tensorrt f32: FAILED: no memory'
    # The paper's figure is of one size, and without PyTorch there are no peaks.
    (small,) = cells(table(rows[:1], None, ARCHITECTURE, (480, 360)))
    assert small[8:] == ['1', '-', '-', '-', '100.000%']


def test_what_passes():
    assert Row('torch', 'f16', 1, agreement=0.997).passed
    assert not Row('torch', 'f32', 1, agreement=0.998).passed
    assert not Row('torch', 'f32', 1, agreement=1.0, reason='FAILED: x').passed


class Contender:
    def __init__(self):
        self.runs = 0

    def infer(self, images):
        self.runs += 1
        return images[..., 0], images[..., 1]


def test_a_contender_starts_twice_and_is_timed_once():
    contenders = [Contender(), Contender()]
    starts = iter(contenders)
    images = np.zeros((2, 4, 6, 3), np.uint8)
    expected = images[..., 0].copy()
    expected[0, 0, :3] = 1
    row = gpu_report.measured(
        lambda: contextlib.nullcontext(next(starts)), ('torch', 'f16'), images, expected, 5
    )
    assert [c.runs for c in contenders] == [1, 6]
    assert (row.backend, row.precision, row.batch) == ('torch', 'f16', 2)
    assert row.agreement == pytest.approx(45 / 48)
    assert not row.reason


def test_a_graph_that_only_gives_its_first_masks_again_is_found_out():
    class Stuck:
        mask = None

        def infer(self, images):
            if self.mask is None:
                self.mask = images[..., 0]
            return self.mask, self.mask

    images = np.arange(72, dtype=np.uint8).reshape(1, 4, 6, 3)
    start = lambda: contextlib.nullcontext(Stuck())  # noqa: E731
    row = gpu_report.measured(start, ('torch', 'f32'), images, images[..., 0], 5)
    assert row.agreement == 0.0


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        (BackendUnavailableError('no library'), 'not here: no library'),
        (ModuleNotFoundError("No module named 'torch'"), "not here: No module named 'torch'"),
        (BackendError('out of memory'), 'FAILED: out of memory'),
        (RuntimeError('CUDA error\nmore'), 'FAILED: CUDA error'),
    ],
)
def test_what_fails_is_a_row_with_the_reason(error, reason):
    def start():
        raise error

    images = np.zeros((1, 4, 6, 3), np.uint8)
    row = gpu_report.measured(start, ('torch', 'f16'), images, images[..., 0], 5)
    assert row.reason == reason


@pytest.mark.skipif(cuda_devices() > 0, reason='this machine has a GPU')
def test_pytorch_does_not_fall_back_to_the_processor(shipped):
    pytest.importorskip('safetensors')
    for backend in ('torch eager', 'torch'):
        with (
            pytest.raises(BackendUnavailableError, match=r'sees (no|0) CUDA device'),
            gpu_report.opened(shipped, backend, 'f32', 'auto'),
        ):
            pass


@pytest.fixture
def shipped():
    pytest.importorskip('torch')
    return Bundle.load('espnet_camvid')


def test_the_reference_of_int8_is_its_own_graph(shipped):
    pytest.importorskip('onnxruntime')
    images = gpu_report.street(1, (96, 64))
    masks = gpu_report.references(shipped, 'onnx', images)
    assert {name: mask.shape for name, mask in masks.items()} == dict.fromkeys(
        ('f32', 'f16', 'int8'), (1, 64, 96)
    )
    share = (masks['int8'] == masks['f32']).mean()
    assert 0.9 < share < 1.0


def test_the_whole_report_on_a_machine_with_half_of_the_backends(
    shipped, monkeypatch, tmp_path, capsys
):
    pytest.importorskip('onnxruntime')

    def opened(bundle, backend, precision, device):
        if (backend, precision) in (('torch', 'f16'), ('tensorrt', 'int8')):
            raise BackendUnavailableError('none of these here')
        # Stands for all others, and is right in any precision.
        return create_backend('onnx', bundle, 'cpu', 'f32')

    cuda = SimpleNamespace(gpu=Gpu('Orin', (8, 7), 16, 7), close=lambda: None)
    monkeypatch.setattr(gpu_report, 'Cuda', lambda index: cuda)
    monkeypatch.setattr(gpu_report, 'opened', opened)
    monkeypatch.setattr(gpu_report, 'peaks_of', lambda device: Peaks({'f32': 1e12}, 1e11, 1e10))
    monkeypatch.setenv('XDG_CACHE_HOME', 'as before')
    figures = tmp_path / 'figures.json'
    options = ['--size', '96x64', '--runs', '2', '--batch', '1', '2', '--json', str(figures)]
    assert gpu_report.main([*options, '--reference', 'onnx']) == 0
    shown = capsys.readouterr().out
    assert shown.startswith('Orin, model espnet_camvid, 96x64, host to host')
    found = [row[:3] + row[-1:] for row in cells(shown[shown.index('| backend') :])[:14]]
    assert [row[:2] for row in found[::2]] == [list(pair) for pair in gpu_report.CONTENDERS]
    assert {tuple(row[:2]): row[3] for row in found}[('tensorrt', 'int8')] == '-'
    assert [row[3] for row in found].count('100.000%') == 10
    assert shown.count('not here: none of these here') == 4
    report = json.loads(figures.read_text())
    assert report['gpu']['name'] == 'Orin' and report['peaks']['flops'] == {'f32': 1e12}
    assert len(report['rows']) == 14

    def absent(*_):
        raise BackendUnavailableError('onnxruntime is not installed')

    with monkeypatch.context() as patch:
        patch.setattr(gpu_report, 'create_backend', absent)
        assert gpu_report.main(['--size', '96x64']) == 2
    words = capsys.readouterr().out
    assert words == (
        'no masks to compare with: onnxruntime is not installed. `pip install onnxruntime` is '
        'enough\n'
    )

    monkeypatch.setattr(gpu_report, 'CONTENDERS', (('tensorrt', 'f16'),))
    wrong = SimpleNamespace(infer=lambda images: (images[..., 0], images[..., 1]))
    monkeypatch.setattr(gpu_report, 'opened', lambda *_: contextlib.nullcontext(wrong))
    assert gpu_report.main(['--size', '96x64', '--runs', '1', '--reference', 'onnx']) == 1
    assert 'WRONG' in capsys.readouterr().out


@pytest.mark.skipif(cuda_devices() > 0, reason='this machine has a GPU')
def test_without_a_gpu_it_says_so():
    script = Path(gpu_report.__file__)
    result = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (2, '')
    assert result.stdout.startswith('no CUDA device: this machine has no usable NVIDIA driver')
    assert result.stdout.count('\n') == 1
