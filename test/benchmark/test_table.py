"""What stands below the table; the table itself is in test_run.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.rows import make_row
from espnet_ros.benchmark.table import table


def report(
    load: float = 0.0, others: tuple = (0.0,), threads: int = 0, **changes: object
) -> dict:
    points = {'p50': 10.0, 'p95': 10.0, 'p99': 10.0}
    request = {'backend': 'onnx', 'precision': 'f32', 'size_wh': [64, 48]}
    nothing = Contender('onnx:f32', request, Path())
    measured = {
        **make_row(nothing, nothing, 1, {}), 'stage_ms': {'infer': points},
        'end_to_end_ms': points, 'arrived': 5, 'missed': 4, **changes,
    }  # fmt: skip
    size = {
        'size_wh': [64, 48], 'gmac': 1.0, 'reference': 'onnx f32', 'gemm': [],
        'publish_reason': None, 'others_by_round': list(others),
    }  # fmt: skip
    return {
        'model': 'm', 'processor': 'p', 'processors': 2, 'threads': threads,
        'load_average': load,
        'image_source': 's', 'distinct_images': 1, 'image_size_wh': [64, 48], 'encoding': 'raw',
        'rounds': 1, 'rate_hz': 10.0, 'energy_source': 'RAPL, processor packages',
        'sizes': [size], 'rows': [measured],
    }  # fmt: skip


def text(**options: object) -> str:
    return table(report(**options)).replace('\n', ' ')


@pytest.mark.parametrize(
    ('load', 'others', 'busy'),
    [
        (0.1, (0.0, 0.2), False),
        (0.1, (None, None), False),
        (4.8, (None, None), True),
        (4.8, (0.0, None), False),  # what ended before the start
        (0.1, (0.0, 1.5), True),
    ],
)
def test_a_busy_machine_is_told_whenever_it_was(load: float, others: tuple, busy: bool):
    found = text(load=load, others=others)
    assert ('THE MACHINE WAS BUSY' in found) == busy
    assert ('ratios and GEMM are wrong, too' in found) == busy
    assert ('others used up to 1.5 processors' in found) == (1.5 in others)


@pytest.mark.parametrize('threads', [0, 1, 3])
def test_figures_of_fewer_threads_say_so(threads: int):
    found = f'Processor threads for each network: {threads} at most' in text(threads=threads)
    assert found == (threads > 0)


def test_more_than_the_peak_can_not_be():
    assert 'GEMM over 100 % is impossible' in text(gemm_fraction=1.04)
    assert 'cannot be' not in text(gemm_fraction=0.97)


def test_the_meter_is_named_where_there_is_energy_too():
    found = text(energy_j_per_image=0.5)
    assert ' J ' in found
    assert 'Energy: RAPL, processor packages.' in found


def test_a_row_without_its_energy_says_why():
    found = text(energy_reason='curr1_input cannot be read (Input/output error)')
    assert 'No J for onnx f32: curr1_input cannot be read (Input/output error).' in found
