from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.demo.costmap_report import (
    GridRecord,
    ReceivedCostmap,
    compare_drive,
    costmap_faults,
    costmap_figures,
    costmap_rows,
    costmap_title,
    of_images,
    spread,
)
from espnet_ros.evaluation.costmap_scores import Tally, compare

MS = 1_000_000
TOPICS = ('costmap', 'layers/road', 'layers/people')


def grid(topic: str, stamp_ms: int, offset: int = 0, late_ms: int = 30) -> dict:
    return {
        'event': 'grid', 'topic': topic, 'frame': 'odom', 'stamp': stamp_ms * MS,
        'received': (stamp_ms + late_ms) * MS, 'offset': offset, 'size_cells': [3, 2],
        'resolution': 0.10000000149, 'origin': [-1.5, 2.0],
    }  # fmt: skip


@pytest.fixture
def grids() -> GridRecord:
    """Return what was said of a drive whose images are stamped 100, 200 and 300 ms."""
    record = GridRecord()
    for event in (
        grid('costmap', 50),
        grid('costmap', 100, 6),
        grid('layers/road', 100, 12),
        grid('costmap', 300, 18, late_ms=50),
        {'event': 'invalid_grid', 'topic': 'layers/people', 'text': 'the frame'},
        {'event': 'invalid_grid', 'topic': 'layers/people', 'text': 'the frame'},
        {
            'event': 'costmap_diagnostics',
            'trouble': '',
            'values': {'update_p50_ms': '2.50', 'update_p95_ms': '', 'last_error': 'no pose'},
        },
    ):
        record.add(event)
    return record


def test_costmaps_are_read_from_their_place_in_the_file(grids, tmp_path):
    file = tmp_path / 'grids'
    file.write_bytes(bytes(range(24)))
    costmaps = grids.costmaps(file)
    assert [c.stamp for c in costmaps] == [50 * MS, 100 * MS, 300 * MS]
    assert costmaps[2].cells.tolist() == [[18, 19, 20], [21, 22, 23]]
    assert costmaps[2].cells.dtype == np.int8
    assert costmaps[2].origin_m == (-1.5, 2.0) and costmaps[2].received == 350 * MS


def test_a_costmap_is_of_the_image_with_its_stamp():
    cells = np.zeros((1, 1), np.int8)
    costmaps = [
        ReceivedCostmap(0.5, (1.0, -1.0), cells, stamp, stamp + 1, 'odom')
        for stamp in (3, 5, 20, 30, 35)
    ]
    found = of_images(costmaps, {3, 5}, [10, 20, 30])
    # Before the clock starts, the first image is published over and over.
    assert {i: c.stamp for i, c in found.items()} == {0: 5, 1: 20, 2: 30}


def test_moments_are_spread_over_the_drive():
    assert spread([9, 1, 3, 5, 7], 3) == [1, 5, 9]
    assert spread([4, 2], 10) == [2, 4] and spread([], 4) == []


def test_a_drive_is_the_sum_of_its_moments_and_its_end(make_costmap, make_truth, labels):
    truth = make_truth([np.eye(4)] * 2)
    right, wrong = make_costmap([[0, 0], [0, 0]]), make_costmap([[0, 0], [0, 100]])
    costmaps = {0: wrong, 1: right}
    total, end, known = compare_drive(costmaps, truth, labels, [0, 1])
    assert end == compare(right, truth, 1, labels) and end.wrong == 0
    assert total == end + compare(wrong, truth, 0, labels) and total.wrong == 1
    assert (known.known, known.edges) == (4, 0)
    assert compare_drive({}, truth, labels, []) == (Tally(),) * 3


def test_the_figures_are_plain_data(grids, tmp_path):
    file = tmp_path / 'grids'
    file.write_bytes(bytes(24))
    costmaps = of_images(grids.costmaps(file), (), [100 * MS, 200 * MS, 300 * MS])
    tallies = (Tally(3, 4, 3, 2, 1, 8), Tally(1, 1), Tally(1, 2, 0, 0, 0, 5))
    assert costmap_figures(grids, costmaps, TOPICS, tallies) == {
        'ground_iou': 0.75,
        'obstacle_recall': 0.66667,
        'false_obstacle_rate': 0.125,
        'after_the_drive': {
            'ground_iou': 1.0, 'obstacle_recall': None, 'false_obstacle_rate': None,
        },
        'all_known_cells': {'ground_iou': 0.5, 'false_obstacle_rate': 0.0},
        'update_ms': {'p50': 2.5, 'p95': None},
        'latency_ms': {'p50': 40.0, 'p95': 49.0},
        'received': 2,
        'layers_received': {'road': 1, 'people': 0},
        'invalid': 2,
        'size_cells': [3, 2],
        'resolution': 0.1,
        'frame': 'odom',
        'note': '',
    }  # fmt: skip


def test_the_table_says_what_the_figures_say(grids, tmp_path):
    file = tmp_path / 'grids'
    file.write_bytes(bytes(24))
    costmaps = of_images(grids.costmaps(file), (), [100 * MS])
    tallies = (Tally(3, 4, 3, 2, 1, 8), Tally(), Tally(1, 2, 0, 0, 0, 5))
    figures = costmap_figures(grids, costmaps, TOPICS, tallies)
    rows = costmap_rows(figures)
    assert ('image to costmap', '30.0 ms (p50)') in rows
    words = 'ground IoU 75.00 %, obstacles found 66.67 %, false obstacles 12.50 %'
    assert costmap_title(figures) == words
    assert ('costmaps received', '1, 3x2 cells of 0.1 m, 2 invalid') in rows
    assert ('ground IoU', '75.00 %') in rows and ('obstacles found', '66.67 %') in rows
    assert ('false obstacles', '12.50 %') in rows and ('costmap update p95', 'unknown') in rows
    assert rows[-1] == ('  all known cells', '0.00 %')


def test_without_a_mount_there_is_one_line_and_no_fault():
    figures = costmap_figures(GridRecord(), {}, (), (Tally(),) * 3)
    assert costmap_rows(figures) == [('costmap', 'none: this source knows no camera mount')]
    assert figures['received'] == 0 and figures['ground_iou'] is None
    assert costmap_faults(GridRecord(), {}, ()) == []


def test_invalid_grids_and_none_at_all_are_faults(grids):
    assert costmap_faults(grids, {}, TOPICS) == [
        'layers/people is invalid: the frame (times seen: 2)',
        'no costmap of an image came: no pose',
    ]
    rows = costmap_rows(costmap_figures(grids, {}, TOPICS, (Tally(),) * 3))
    assert ('ground IoU', 'unknown') in rows
