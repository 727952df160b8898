from __future__ import annotations

import pytest

from espnet_ros.benchmark import roofline
from espnet_ros.benchmark.roofline import Gemm, gemm_kinds, peaks


def test_bf16_is_measured_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roofline, 'installed', lambda library: library != 'openvino')
    monkeypatch.setattr(roofline, 'multiplies_bf16', lambda: False)
    names = [(kind['library'], kind['precision']) for kind in gemm_kinds(cuda=False)]
    assert names == [('torch', 'f32'), ('numpy', 'f32')]
    monkeypatch.setattr(roofline, 'multiplies_bf16', lambda: True)
    kinds = [tuple(kind.values()) for kind in gemm_kinds(cuda=True)]
    assert ('cpu', 'torch', 'bf16') in kinds
    assert ('cuda', 'torch', 'f16') in kinds


def test_the_best_library_is_the_peak():
    def entry(device: str, library: str, precision: str, gflops: float | None) -> dict:
        return {
            'device': device, 'library': library, 'precision': precision, 'gflops': gflops
        }  # fmt: skip

    slow, fast = entry('cpu', 'numpy', 'f32', 80.0), entry('cpu', 'torch', 'f32', 155.0)
    dead = entry('cpu', 'openvino', 'f32', None)
    bf16, cuda = entry('cpu', 'torch', 'bf16', 600.0), entry('cuda', 'torch', 'f32', 40000.0)
    best = peaks([dead, slow, fast, bf16, cuda])
    assert best == {'cpu': {'f32': fast, 'bf16': bf16}, 'cuda': {'f32': cuda}}
    assert peaks([dead]) == {'cpu': {}}


@pytest.mark.parametrize('library', ['numpy', 'torch', 'openvino'])
def test_a_product_is_counted_as_two_operations_each(
    library: str, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip(library)
    gemm = Gemm(library, 'f32', 'cpu', side=100)
    ticks = iter(range(1000))
    # Each look at the clock is 1 s after the last one: 2 * 100^3 operations a second.
    monkeypatch.setattr(roofline.time, 'perf_counter', lambda: float(next(ticks)))
    assert gemm.gflops(5.0) == pytest.approx(0.002)
