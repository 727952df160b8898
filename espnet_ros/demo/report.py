"""The results of a demo run: the figures from stamps and times, and their table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from espnet_ros.core.statistics import percentiles, rounded
from espnet_ros.demo.costmap_report import GridRecord, costmap_rows
from espnet_ros.demo.figures import number, with_unit

_TOPICS = ('confidence', 'camera_info')
_GRID_EVENTS = ('grid', 'invalid_grid', 'costmap_diagnostics')


@dataclass
class Record:
    """What the two processes said during a run; stamps and times in nanoseconds.

    :param warm_up: stamps of images before the clock started, which don't count.
    :param published: stamps of the counted images, in order.
    :param masks: stamp -> (time received, slot in the file of masks).
    :param others: topic -> stamps received.
    :param faults: what was not as promised.
    :param diagnostics: the node's latest values.
    :param grids: what was said about occupancy grids.
    :param wants_costmap: whether to wait for a costmap of the last image, too.
    """

    warm_up: set[int] = field(default_factory=set)
    published: list[int] = field(default_factory=list)
    masks: dict[int, tuple[int, int]] = field(default_factory=dict)
    others: dict[str, set[int]] = field(default_factory=lambda: {t: set() for t in _TOPICS})
    faults: list[str] = field(default_factory=list)
    diagnostics: dict[str, str] = field(default_factory=dict)
    grids: GridRecord = field(default_factory=GridRecord)
    wants_costmap: bool = False
    rss_mb: float = 0.0
    start_to_first_mask_s: float = 0.0

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the camera or the consumer process."""
        kind = event['event']
        if kind == 'warm_up':
            self.warm_up.add(event['stamp'])
        elif kind == 'published':
            self.published.append(event['stamp'])
        elif kind == 'mask':
            if event['stamp'] in self.masks:
                self.faults.append(f'the mask stamped {event["stamp"]} came twice')
            self.masks[event['stamp']] = (event['received'], event['slot'])
        elif kind in self.others:
            self.others[kind].add(event['stamp'])
        elif kind == 'fault':
            self.faults.append(event['text'])
        elif kind == 'diagnostics':
            self.diagnostics = event['values']
        elif kind in _GRID_EVENTS:
            self.grids.add(event)

    @property
    def received(self) -> list[int]:
        """Return the stamps of counted images whose mask came, in order of publishing."""
        return [s for s in self.published if s in self.masks]

    @property
    def is_complete(self) -> bool:
        """Tell whether each published image has been answered on every per-image topic.

        Costmaps come at a rate of their own, so only that of the last image is waited for.
        """
        published = set(self.published)
        answered = all(published <= s for s in (set(self.masks), *self.others.values()))
        if not answered or not published or not self.wants_costmap:
            return answered
        return self.published[-1] in self.grids.stamps()


def build_report(record: Record, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures as plain data.

    :param about: what else to include: source, model, costmap and the like.
    """
    published, received = record.published, record.received
    latency_ms = [(record.masks[s][0] - s) / 1e6 for s in received]
    times_s = [record.masks[s][0] / 1e9 for s in received]
    span_s = times_s[-1] - times_s[0] if len(times_s) > 1 else 0.0
    strangers = set(record.masks) - set(published) - record.warm_up
    faults = record.faults + [f'a mask is stamped {s}, but no image is' for s in sorted(strangers)]
    values = record.diagnostics
    inference_ms = {p: number(values.get(f'infer_{p}_ms')) for p in ('p50', 'p95')}
    latency = percentiles(latency_ms)
    answered = {t: len(set(published) & s) for t, s in record.others.items()}
    return {
        'published': len(published),
        'received': len(received),
        'lost': len(published) - len(received),
        'dropped_by_node': _count(values.get('dropped')),
        'missed_by_node': _missed(record),
        'confidence_received': answered['confidence'],
        'camera_info_received': answered['camera_info'],
        'rate_hz': rounded((len(times_s) - 1) / span_s if span_s > 0 else None, 3),
        'duration_s': rounded(times_s[-1] - published[0] / 1e9 if times_s else None, 3),
        'latency_ms': latency,
        'inference_ms': inference_ms,
        'overhead_ms': rounded(_difference(latency['p50'], inference_ms['p50']), 3),
        'node_rss_mb': rounded(record.rss_mb, 3),
        'start_to_first_mask_s': rounded(record.start_to_first_mask_s, 3),
        'backend': values.get('backend'),
        'device': values.get('device'),
        'precision': values.get('precision'),
        'faults': faults,
        **about,
    }


def table(report: Mapping[str, Any]) -> str:
    """Return the figures as aligned lines for a terminal."""
    latency, inference = report['latency_ms'], report['inference_ms']
    width, height = report['size_wh']
    rows = [
        ('source', f'{report["source"]}, {width}x{height}'),
        ('model', report['model']),
        ('backend', f'{report["backend"]} {report["precision"]}'),
        ('device', report['device']),
        ('images published', report['published']),
        ('masks received', report['received']),
        ('lost', report['lost']),
        ('rate', f'{with_unit(report["rate_hz"], "Hz")} (asked {report["asked_rate_hz"]:g} Hz)'),
        ('image to mask p50', with_unit(latency['p50'], 'ms')),
        ('image to mask p95', with_unit(latency['p95'], 'ms')),
        ('image to mask p99', with_unit(latency['p99'], 'ms')),
        ('inference p50', with_unit(inference['p50'], 'ms')),
        ('inference p95', with_unit(inference['p95'], 'ms')),
        ('all but inference', with_unit(report['overhead_ms'], 'ms')),
        ('node start to mask', with_unit(report['start_to_first_mask_s'], 's')),
        ('node memory', with_unit(report['node_rss_mb'], 'MB')),
        ('duration', with_unit(report['duration_s'], 's')),
    ]
    rows += costmap_rows(report['costmap'])
    rows += [('FAULT', fault) for fault in report['faults']]
    if report['lost']:
        busy, missed = report['dropped_by_node'], report['missed_by_node']
        rows.append(('why lost', f'dropped by a busy node: {busy} (lower --rate)'))
        rows.append(('', f'never reached the node: {missed}'))
    return '\n'.join(f'  {name:<20}{value}' for name, value in rows)


def _difference(whole: float | None, part: float | None) -> float | None:
    # With few images, the median of a part may exceed that of the whole, which means nothing.
    return None if whole is None or part is None or part > whole else whole - part


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _missed(record: Record) -> int | None:
    """Return how many images, warm-up included, never reached the node."""
    arrived = _count(record.diagnostics.get('received'))
    return None if arrived is None else len(record.warm_up) + len(record.published) - arrived
