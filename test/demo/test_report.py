from __future__ import annotations

import pytest

from espnet_ros.demo.costmap_report import GridRecord, costmap_figures
from espnet_ros.demo.report import Record, build_report, table
from espnet_ros.evaluation.costmap_scores import Tally

MS = 1_000_000
ABOUT = {
    'model': 'm',
    'size_wh': [48, 32],
    'source': 'street',
    'asked_rate_hz': 10.0,
    'costmap': costmap_figures(GridRecord(), {}, (), (Tally(),) * 3),
}


def record(latencies_ms: list[int | None]) -> Record:
    """Images 100 ms apart from t = 1 s, each answered after so long or never."""
    result = Record()
    result.add({'event': 'warm_up', 'stamp': 5 * MS})
    result.add({'event': 'mask', 'stamp': 5 * MS, 'received': 500 * MS, 'slot': 0})
    for index, latency in enumerate(latencies_ms):
        stamp = (1000 + 100 * index) * MS
        result.add({'event': 'published', 'stamp': stamp})
        if latency is not None:
            came = {'stamp': stamp, 'received': stamp + latency * MS, 'slot': index + 1}
            result.add({'event': 'mask', **came})
            result.add({'event': 'confidence', 'stamp': stamp})
            result.add({'event': 'camera_info', 'stamp': stamp})
    result.add(
        {
            'event': 'diagnostics',
            'values': {
                'infer_p50_ms': '14.50',
                'infer_p95_ms': '16.00',
                'backend': 'onnx',
                'device': 'CPU',
                'precision': 'f32',
                'received': '5',
                'dropped': '1',
            },
        }
    )
    return result


def test_figures_of_a_run_with_one_loss():
    report = build_report(record([20, None, 30, 20, 40]), ABOUT)
    assert (report['published'], report['received'], report['lost']) == (5, 4, 1)
    # One warm-up image and five of the drive were sent, five arrived, one found the node busy.
    assert (report['missed_by_node'], report['dropped_by_node']) == (1, 1)
    assert report['confidence_received'] == 4 and report['camera_info_received'] == 4
    # 20, 20, 30, 40: the median is 25, the 95th percentile 40 - 0.15 * 10.
    assert report['latency_ms']['p50'] == 25.0
    assert report['latency_ms']['p95'] == pytest.approx(38.5)
    assert report['inference_ms'] == {'p50': 14.5, 'p95': 16.0}
    assert report['overhead_ms'] == 10.5
    # Masks at 1.020, 1.230, 1.320 and 1.440 s: three steps in 0.42 s.
    assert report['rate_hz'] == pytest.approx(3 / 0.42, abs=1e-3)
    assert report['duration_s'] == pytest.approx(0.44)
    assert report['backend'] == 'onnx' and report['faults'] == []


def test_warm_up_images_are_not_counted():
    assert build_report(record([]), ABOUT)['published'] == 0
    assert build_report(record([]), ABOUT)['received'] == 0


def test_nothing_received_gives_none_and_a_table_that_says_unknown():
    report = build_report(record([None, None]), ABOUT)
    assert report['lost'] == 2
    assert report['latency_ms'] == {'p50': None, 'p95': None, 'p99': None}
    assert report['rate_hz'] is None and report['overhead_ms'] is None
    assert 'unknown' in table(report)


def test_without_diagnostics_inference_is_unknown_but_latency_is_not():
    run = record([20, 20])
    run.diagnostics = {'infer_p50_ms': ''}
    report = build_report(run, ABOUT)
    assert report['inference_ms'] == {'p50': None, 'p95': None}
    assert report['overhead_ms'] is None and report['latency_ms']['p50'] == 20.0


def test_a_part_that_took_longer_than_the_whole_leaves_the_rest_unknown():
    run = record([12, 14])
    assert build_report(run, ABOUT)['inference_ms']['p50'] == 14.5
    assert build_report(run, ABOUT)['overhead_ms'] is None


def test_a_mask_of_an_image_that_never_was_is_a_fault():
    run = record([20])
    run.add({'event': 'mask', 'stamp': 77, 'received': 78, 'slot': 2})
    assert build_report(run, ABOUT)['faults'] == ['a mask is stamped 77, but no image is']


def test_a_mask_that_comes_twice_and_a_fault_of_the_consumer_are_faults():
    run = record([20])
    run.add({'event': 'mask', 'stamp': 1000 * MS, 'received': 1100 * MS, 'slot': 2})
    run.add({'event': 'fault', 'text': 'step'})
    faults = build_report(run, ABOUT)['faults']
    assert len(faults) == 2 and 'twice' in faults[0] and faults[1] == 'step'
    assert faults[1] in table(build_report(run, ABOUT))


def test_a_record_is_complete_when_every_topic_answered_every_image():
    run = record([20, 20])
    assert run.is_complete
    run.add({'event': 'published', 'stamp': 2000 * MS})
    assert not run.is_complete
    run.add({'event': 'mask', 'stamp': 2000 * MS, 'received': 2001 * MS, 'slot': 3})
    run.add({'event': 'confidence', 'stamp': 2000 * MS})
    assert not run.is_complete
    run.add({'event': 'camera_info', 'stamp': 2000 * MS})
    assert run.is_complete


def test_a_record_that_wants_a_costmap_waits_for_the_one_of_the_last_image():
    run = record([20, 20])
    run.wants_costmap = True
    grid = {'event': 'grid', 'topic': 'layers/road', 'stamp': 1100 * MS}
    run.add(grid)
    run.add({**grid, 'topic': 'costmap', 'stamp': 1000 * MS})
    assert not run.is_complete
    run.add({**grid, 'topic': 'costmap'})
    assert run.is_complete
    assert run.grids.stamps() == [1000 * MS, 1100 * MS]


def test_the_table_is_aligned_and_names_every_figure():
    lines = table(build_report(record([20, None, 30]), ABOUT)).splitlines()
    assert all(line[21] == ' ' and line[22] != ' ' for line in lines)
    text = '\n'.join(lines)
    assert '  costmap             none: this source knows no camera mount' in lines
    for expected in ('published    3', 'received      2', 'lost                1', 'onnx f32'):
        assert expected in text, text
