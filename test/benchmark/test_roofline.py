from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.benchmark import roofline
from espnet_ros.benchmark.roofline import Gemm, gemm_kinds, peaks


def test_bf16_is_measured_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roofline, 'installed', lambda library: library != 'openvino')
    monkeypatch.setattr(roofline, 'multiplies_bf16', lambda: False)
    names = [(kind['library'], kind['precision']) for kind in gemm_kinds(None)]
    assert names == [('torch', 'f32'), ('numpy', 'f32')]
    monkeypatch.setattr(roofline, 'multiplies_bf16', lambda: True)
    kinds = [tuple(kind.values()) for kind in gemm_kinds('cuda:1')]
    assert ('cpu', 'torch', 'bf16') in kinds
    on_cuda = [(library, precision) for device, library, precision in kinds if device == 'cuda:1']
    assert on_cuda == [('torch', p) for p in ('f32', 'tf32', 'bf16', 'f16')]
    assert all(device in ('cpu', 'cuda:1') for device, *_ in kinds)


def test_the_best_library_is_the_peak():
    def entry(device: str, library: str, precision: str, gflops: float | None) -> dict:
        return {
            'device': device, 'library': library, 'precision': precision, 'gflops': gflops
        }  # fmt: skip

    slow, fast = entry('cpu', 'numpy', 'f32', 80.0), entry('cpu', 'torch', 'f32', 155.0)
    dead = entry('cpu', 'openvino', 'f32', None)
    bf16, cuda = entry('cpu', 'torch', 'bf16', 600.0), entry('cuda:1', 'torch', 'f32', 40000.0)
    best = peaks([dead, slow, fast, bf16, cuda])
    assert best == {'cpu': {'f32': fast, 'bf16': bf16}, 'cuda': {'f32': cuda}}
    assert peaks([dead]) == {'cpu': {}}


@pytest.mark.parametrize('library', ['numpy', 'torch', 'openvino'])
def test_a_product_is_counted_as_two_operations_each(
    library: str, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip(library)
    monkeypatch.setattr(roofline, 'CPU_SIDE', 100)
    gemm = Gemm(library, 'f32', 'cpu')
    ticks = iter(range(1000))
    # Each look at the clock is 1 s after the last one: 2 * 100^3 operations a second.
    monkeypatch.setattr(roofline.time, 'perf_counter', lambda: float(next(ticks)))
    assert gemm.gflops(5.0) == pytest.approx(0.002)


class FakeTorch:
    """Notes for each product where it was, in what, and whether TF32 was on."""

    float32, bfloat16, float16 = 'float32', 'bfloat16', 'float16'

    def __init__(self) -> None:
        self.backends = SimpleNamespace(
            cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=None))
        )
        self.cuda = SimpleNamespace(synchronize=lambda *device: self.waited.append(device))
        self.waited: list[tuple] = []
        self.products: list[tuple] = []

    def from_numpy(self, array: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(to=lambda device, kind: (device, kind))

    def empty_like(self, matrix: tuple) -> tuple:
        return matrix

    def inference_mode(self) -> contextlib.nullcontext:
        return contextlib.nullcontext()

    def mm(self, a: tuple, b: tuple, out: tuple) -> None:
        self.products.append((*a, self.backends.cuda.matmul.allow_tf32))


@pytest.mark.parametrize(
    ('precision', 'kind', 'tf32'),
    [('f32', 'float32', False), ('tf32', 'float32', True), ('f16', 'float16', False)],
)
def test_a_cuda_product_is_on_the_device_asked_for_and_f32_means_f32(
    precision: str, kind: str, tf32: bool, monkeypatch: pytest.MonkeyPatch
):
    torch = FakeTorch()
    monkeypatch.setattr(roofline, 'import_library', lambda library, backend: torch)
    monkeypatch.setattr(roofline, 'CUDA_SIDE', 8)
    Gemm('torch', precision, 'cuda:1')
    assert torch.products == [('cuda:1', kind, tf32)]
    assert torch.waited == [('cuda:1',)]
