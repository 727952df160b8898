"""The part of the demo's report that is about costmaps."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from espnet_ros.core.labels import Labels
from espnet_ros.core.metrics import percent
from espnet_ros.core.statistics import percentiles
from espnet_ros.demo.figures import number, with_unit
from espnet_ros.evaluation.costmap_scores import CostmapCells, Tally, compare, compare_known
from espnet_ros.evaluation.truth import Truth

_COMBINED = 'costmap'
_percent = functools.partial(percent, unit=' %')


@dataclass
class GridRecord:
    """What the consumer said about occupancy grids.

    :param kept: the events of valid ones, in order.
    :param invalid: how often each complaint came.
    :param diagnostics: the node's latest values about its costmap.
    """

    kept: list[Mapping[str, Any]] = field(default_factory=list)
    invalid: Counter[str] = field(default_factory=Counter)
    diagnostics: Mapping[str, str] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        if event['event'] == 'grid':
            self.kept.append(event)
        elif event['event'] == 'invalid_grid':
            self.invalid[f'{event["topic"]} is invalid: {event["text"]}'] += 1
        elif event['event'] == 'costmap_diagnostics':
            self.diagnostics = event['values']

    def stamps(self, topic: str = _COMBINED) -> list[int]:
        """Return the stamps of the valid grids of a topic, nanoseconds, in order."""
        return [event['stamp'] for event in self.kept if event['topic'] == topic]

    def costmaps(self, file: Path) -> list[ReceivedCostmap]:
        """Return the costmaps, mapped from the file that holds the cells of all grids."""
        return [
            _costmap(event, file) for event in self.kept if event['topic'] == _COMBINED
        ]


@dataclass(frozen=True, eq=False)
class ReceivedCostmap(CostmapCells):
    """A costmap as the consumer received it.

    :param stamp: nanoseconds.
    :param received: nanoseconds of the system's clock.
    :param frame: that it is fixed in, the one called odom here.
    """

    stamp: int
    received: int
    frame: str


def of_images(
    costmaps: Iterable[ReceivedCostmap], warm_up: Iterable[int], stamps: Sequence[int]
) -> dict[int, ReceivedCostmap]:
    """Return the costmaps by index of the newest image that is in them.

    The node stamps a costmap with that image's time; another stamp means that there is none.

    :param warm_up: stamps of images before the clock started, which all repeat the first one.
    :param stamps: of the images of the drive, nanoseconds.
    """
    index = {**dict.fromkeys(warm_up, 0), **{stamp: i for i, stamp in enumerate(stamps)}}
    return {index[c.stamp]: c for c in costmaps if c.stamp in index}


def spread(indices: Iterable[int], count: int) -> list[int]:
    """Return at most `count` of these images, spread evenly, with the first and the last."""
    ordered = sorted(indices)
    picks = np.unique(np.linspace(0, len(ordered) - 1, count).round().astype(int))
    return [ordered[i] for i in picks] if ordered else []


def compare_drive(
    costmaps: Mapping[int, CostmapCells], truth: Truth, labels: Labels, indices: Iterable[int]
) -> tuple[Tally, Tally, Tally]:
    """Compare costmaps with the truth.

    :param costmaps: by index of the image.
    :param indices: of the images to compare at, the last one last.
    :returns: counts in view of all these images, in view of the last one, and over all cells
        known at the last one.
    """
    total = end = known = Tally()
    last = None
    for last in indices:
        end = compare(costmaps[last], truth, last, labels)
        total += end
    if last is not None:
        known = compare_known(costmaps[last], truth, last, labels)
    return total, end, known


def costmap_figures(
    grids: GridRecord,
    costmaps: Mapping[int, ReceivedCostmap],
    topics: Sequence[str],
    tallies: tuple[Tally, Tally, Tally],
) -> dict[str, Any]:
    """Return the figures as plain data; what is not known is None.

    :param costmaps: those of the drive's images, by index.
    :param topics: that the consumer listened to, the costmap first; empty for no costmap.
    :param tallies: of `compare_drive`.
    """
    total, end, known = (tally.shares() for tally in tallies)
    one = next(iter(costmaps.values()), None)
    stamps = {costmap.stamp for costmap in costmaps.values()}
    layers = {t.rpartition('/')[2]: len(stamps.intersection(grids.stamps(t))) for t in topics[1:]}
    return {
        **total,
        'after_the_drive': end,
        'all_known_cells': {n: v for n, v in known.items() if n != 'obstacle_recall'},
        'update_ms': {p: number(grids.diagnostics.get(f'update_{p}_ms')) for p in ('p50', 'p95')},
        'latency_ms': _latency_ms(costmaps.values()),
        'received': len(costmaps),
        'layers_received': layers,
        'invalid': grids.invalid.total(),
        'size_cells': list(one.cells.shape[::-1]) if one else None,
        'resolution': round(one.resolution_m, 6) if one else None,
        'frame': one.frame if one else None,
        'note': '' if topics else 'none: this source knows no camera mount',
    }


def costmap_faults(
    grids: GridRecord, costmaps: Mapping[int, ReceivedCostmap], topics: Sequence[str]
) -> list[str]:
    """Return where the costmaps are not as the node promises, one sentence each."""
    faults = [f'{text} (times seen: {count})' for text, count in grids.invalid.items()]
    if topics and not costmaps:
        why = grids.diagnostics.get('last_error') or 'the node does not say why'
        faults.append(f'no costmap of an image came: {why}')
    return faults


def costmap_rows(figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the lines of the table, name and text each."""
    if figures['note']:
        return [('costmap', figures['note'])]
    update, known = figures['update_ms'], figures['all_known_cells']
    size = 'x'.join(map(str, figures['size_cells'] or '??'))
    cells = f'{size} cells of {figures["resolution"]} m'
    return [
        ('costmaps received', f'{figures["received"]}, {cells}, {figures["invalid"]} invalid'),
        ('image to costmap', f'{with_unit(figures["latency_ms"]["p50"], "ms")} (p50)'),
        ('costmap update p50', with_unit(update['p50'], 'ms')),
        ('costmap update p95', with_unit(update['p95'], 'ms')),
        ('ground IoU', _percent(figures['ground_iou'])),
        ('  all known cells', _percent(known['ground_iou'])),
        ('obstacles found', _percent(figures['obstacle_recall'])),
        ('false obstacles', _percent(figures['false_obstacle_rate'])),
        ('  all known cells', _percent(known['false_obstacle_rate'])),
    ]


def costmap_title(figures: Mapping[str, Any]) -> str:
    """Return the figures against the truth in a few words."""
    return (
        f'ground IoU {_percent(figures["ground_iou"])}, obstacles found '
        f'{_percent(figures["obstacle_recall"])}, false obstacles '
        f'{_percent(figures["false_obstacle_rate"])}'
    )


def _latency_ms(costmaps: Iterable[ReceivedCostmap]) -> dict[str, float | None]:
    """Return percentiles of the time from image stamp to costmap received."""
    times = [(costmap.received - costmap.stamp) / 1e6 for costmap in costmaps]
    return percentiles(times, (50, 95))


def _costmap(event: Mapping[str, Any], file: Path) -> ReceivedCostmap:
    cols, rows = event['size_cells']
    cells = np.memmap(file, np.int8, 'r', offset=event['offset'], shape=(rows, cols))
    return ReceivedCostmap(
        stamp=event['stamp'],
        received=event['received'],
        frame=event['frame'],
        resolution_m=event['resolution'],
        origin_m=tuple(event['origin']),
        cells=cells,
    )
