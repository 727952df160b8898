"""The measurements as plain data, for tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from espnet_ros.core.statistics import percentiles, rounded
from espnet_ros.evaluation.costmap_drive import Result, pooled
from espnet_ros.evaluation.costmap_speed import Load, Times


def of_drives(seeds: Sequence[int], results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures of drives under the same conditions; what is not known is None.

    :param seeds: of the streets, one a result.
    """
    return {
        **_of_counts(pooled(results)),
        'warned_after_m': [r.warned_m for r in results],
        'silent_again': [round(r.silent, 3) for r in results],
        'warnings': list(dict.fromkeys(r.warning for r in results if r.warning)),
        'by_seed': {str(s): _of_counts(r) for s, r in zip(seeds, results, strict=True)},
    }


def of_speed(loads: Sequence[Load], alone: Times, in_turn: Sequence[Times]) -> dict[str, Any]:
    """Return the figures of update times.

    :param alone: of the first load by itself. :param in_turn: of all loads.
    """
    rows = [
        {'side': load.side, 'classes': load.classes, 'cameras': load.cameras, **_times(times)}
        for load, times in zip(loads, in_turn, strict=True)
    ]
    first = rows[0]['update_ms']['p50']
    ratios = [{**row, 'ratio': round(row['update_ms']['p50'] / first, 3)} for row in rows]
    return {**_times(alone), 'updates': len(alone.wall_ms), 'in_turn': ratios}


def of_memory(resident_mb: Sequence[float]) -> dict[str, Any]:
    """Return the figures of the resident set.

    :param resident_mb: after each minute, MB.
    """
    return {
        'resident_mb': [round(value, 2) for value in resident_mb],
        'growth_mb': round(resident_mb[-1] - resident_mb[0], 2),
    }


def _of_counts(result: Result) -> dict[str, Any]:
    known = result.known.shares()
    return {
        **result.total.shares(),
        'ground_iou_by_class': {
            name: rounded(both / either if either else None, 5)
            for name, (both, either) in result.ground.items()
        },
        'after_the_drive': result.end.shares(),
        'all_known_cells': {name: known[name] for name in ('ground_iou', 'false_obstacle_rate')},
    }


def _times(times: Times) -> dict[str, Any]:
    points = (50, 95)
    return {
        'update_ms': percentiles(times.wall_ms, points),
        'update_cpu_ms': percentiles(times.cpu_ms, points),
    }
