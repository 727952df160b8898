from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.rows import gemm_fraction, make_row, ratio

REQUEST = {'backend': 'openvino', 'precision': 'auto', 'size_wh': [64, 48]}


def a_round(*infer_ms: float, energy_j: float | None = None) -> dict:
    times = {
        'infer': list(infer_ms),
        'resize': [10.0] * len(infer_ms),
        'end_to_end': [ms + 10.0 for ms in infer_ms],
    }
    return {
        'times_ms': times, 'uploads_ms': [], 'seconds': 0.5, 'cpu_s': 0.3, 'energy_j': energy_j,
        'energy_reason': None,
        'arrived': 10, 'missed': 4, 'paced_s': 1.25,
    }  # fmt: skip


def contender(*rounds: dict, reason: str | None = None) -> Contender:
    made = Contender('openvino:auto', REQUEST, Path())
    made.rounds, made.reason = list(rounds), reason
    made.facts = {
        'device': 'CPU (x)', 'precision': 'f32', 'load_s': 0.5, 'mask_agreement': 0.998,
        'peak_rss_mb': 150.26,
    }  # fmt: skip
    return made


def test_the_ratio_is_the_median_of_those_of_each_round():
    # The second round was disturbed for both: 2, 3 and 4 times as fast.
    ours = [a_round(90.0), a_round(290.0), a_round(40.0)]
    theirs = [a_round(190.0), a_round(890.0), a_round(190.0)]
    assert ratio(ours, theirs) == 3.0
    assert ratio(ours, []) is None


def test_the_gemm_fraction_counts_a_mac_as_two_operations():
    # 5 GMAC in 100 ms are 100 GFLOP/s; in the second round machine and network were half as fast.
    rounds = [a_round(100.0), a_round(200.0)]
    assert gemm_fraction(rounds, 5_000_000_000, [160.0, 80.0]) == 0.625


def test_a_row_by_hand():
    peaks = {'cpu': {'f32': {'gflops': 100.0, 'by_round': [100.0, 100.0]}}}
    row = make_row(
        contender(a_round(20.0, 40.0, energy_j=3.0), a_round(30.0, 30.0, energy_j=1.0)),
        contender(a_round(110.0), a_round(110.0)),
        1_000_000_000,
        peaks,
    )
    assert row == {
        'backend': 'openvino',
        'precision': 'f32',
        'size_wh': [64, 48],
        'device': 'CPU (x)',
        'stage_ms': {
            'resize': {'p50': 10.0, 'p95': 10.0, 'p99': 10.0},
            'infer': {'p50': 30.0, 'p95': 38.5, 'p99': 39.7},
        },
        'end_to_end_ms': {'p50': 40.0, 'p95': 48.5, 'p99': 49.7},
        'ratio_to_baseline': 3.0,
        'gemm_fraction': pytest.approx(2.0 / 0.03 / 100.0, abs=1e-4),
        'mask_agreement': 0.998,
        'images_per_s': 4.0,
        'images_per_s_at_rate': 4.8,
        'arrived': 20,
        'missed': 8,
        'cpu_s_per_image': 0.15,
        'peak_rss_mb': 150.3,
        'energy_j_per_image': 1.0,
        'energy_reason': None,
        'load_s': 0.5,
        'images': 4,
        'reason': None,
    }


def test_the_upload_is_a_part_of_the_inference_and_a_stage_of_its_own():
    first, second = a_round(20.0, 40.0), a_round(30.0, 30.0)
    first['uploads_ms'], second['uploads_ms'] = [1.0, 2.0], [3.0, 2.0]
    row = make_row(contender(first, second), contender(a_round(110.0)), 1, {})
    assert list(row['stage_ms']) == ['resize', 'host_to_device', 'infer']
    assert row['stage_ms']['host_to_device']['p50'] == 2.0
    assert row['stage_ms']['infer'] == {'p50': 28.0, 'p95': 36.5, 'p99': 37.7}
    assert row['end_to_end_ms']['p50'] == 40.0


def test_what_can_not_be_known_is_none():
    row = make_row(contender(a_round(20.0)), contender(reason='no torch'), 1, {})
    assert row['reason'] is None
    assert row['ratio_to_baseline'] is None
    assert row['gemm_fraction'] is None
    assert row['energy_j_per_image'] is None


def test_a_reason_stands_in_place_of_all_figures():
    row = make_row(contender(a_round(20.0), reason='it died'), contender(a_round(1.0)), 1, {})
    assert row['reason'] == 'it died'
    assert row['end_to_end_ms'] is None
    assert row['images'] == 0


def test_energy_that_could_not_be_read_in_one_round_is_none_with_the_reason():
    good, bad = a_round(20.0, energy_j=3.0), a_round(20.0)
    bad['energy_reason'] = 'curr1_input cannot be read'
    row = make_row(contender(good, bad), contender(a_round(110.0)), 1, {})
    assert row['energy_j_per_image'] is None
    assert row['energy_reason'] == 'curr1_input cannot be read'


def test_an_upload_measured_longer_than_the_inference_leaves_nothing_of_it():
    entry = a_round(20.0, 40.0)
    entry['uploads_ms'] = [30.0]
    row = make_row(contender(entry), contender(a_round(110.0)), 1, {})
    assert row['stage_ms']['infer']['p50'] == 5.0
    assert row['stage_ms']['host_to_device']['p50'] == 30.0
