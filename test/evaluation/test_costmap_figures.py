from __future__ import annotations

import json

from espnet_ros.evaluation.costmap_drive import Result, Tally
from espnet_ros.evaluation.costmap_figures import of_drives, of_memory, of_speed
from espnet_ros.evaluation.costmap_speed import Load, Times


def test_figures_of_drives_are_of_all_counts():
    one = Result(
        Tally(both=3, either=4, edges=10, found=9, wrong=1, known=50), Tally(both=1, either=2),
        Tally(both=1, either=1, wrong=1, known=10), {'Road': (1, 2), 'Pavement': (0, 0)},
    )  # fmt: skip
    other = Result(
        Tally(both=1, either=4, edges=30, found=29, wrong=0, known=150), Tally(), Tally(known=10),
        {'Road': (3, 6), 'Pavement': (0, 0)}, 12.5, 0.25, 'a warning',
    )  # fmt: skip
    figures = of_drives([4, 7], [one, other])
    by_seed = figures.pop('by_seed')
    assert figures == {
        'ground_iou': 0.5,
        'obstacle_recall': 0.95,
        'false_obstacle_rate': 0.005,
        'ground_iou_by_class': {'Road': 0.5, 'Pavement': None},
        'after_the_drive': {
            'ground_iou': 0.5, 'obstacle_recall': None, 'false_obstacle_rate': None,
        },
        'all_known_cells': {'ground_iou': 1.0, 'false_obstacle_rate': 0.05},
        'warned_after_m': [None, 12.5],
        'silent_again': [0.0, 0.25],
        'warnings': ['a warning'],
    }  # fmt: skip
    assert {seed: of['ground_iou'] for seed, of in by_seed.items()} == {'4': 0.75, '7': 0.25}
    json.dumps(by_seed, allow_nan=False)


def test_times_are_compared_with_the_first_load():
    times = Times((4.0, 2.0, 3.0), (1.0, 1.0, 2.0))
    others = [Times((2.0,), (2.0,)), Times((5.0,), (4.5,))]
    figures = of_speed([Load(), Load(side=400)], times, others)
    assert figures['update_ms'] == {'p50': 3.0, 'p95': 3.9}
    assert figures['update_cpu_ms']['p50'] == 1.0
    assert figures['updates'] == 3
    assert [(r['side'], r['ratio']) for r in figures['in_turn']] == [(200, 1.0), (400, 2.5)]


def test_memory_grows_from_the_first_minute_on():
    assert of_memory([100.0, 101.0, 100.5]) == {
        'resident_mb': [100.0, 101.0, 100.5], 'growth_mb': 0.5,
    }  # fmt: skip
