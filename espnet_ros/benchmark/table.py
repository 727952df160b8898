"""A benchmark's report as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from espnet_ros.benchmark.plan import BASELINE
from espnet_ros.benchmark.roofline import peaks
from espnet_ros.benchmark.timing import UPLOAD

# If others use this many processors or more, the figures no longer describe the machine.
_BUSY = 0.3

_Cell = Callable[[dict[str, Any]], str]


def table(report: dict[str, Any]) -> str:
    """Return a table for each network size, with the notes needed to read it."""
    parts = []
    for size in report['sizes']:
        rows = [row for row in report['rows'] if row['size_wh'] == size['size_wh']]
        parts.append('\n'.join(_of_size(report, size, rows)))
    return '\n\n'.join([*parts, '\n'.join(_notes(report))])


def _of_size(
    report: dict[str, Any], size: dict[str, Any], rows: list[dict[str, Any]]
) -> list[str]:
    lines = [
        f'{_size(report["image_size_wh"])} {report["encoding"]} image to mask at '
        f'{_size(size["size_wh"])}, model {report["model"]} ({size["gmac"]:.3f} GMAC)'
    ]
    measured = [row for row in rows if row['reason'] is None]
    if measured:
        columns = _columns(report, measured)
        cells = [[head for head, _ in columns]]
        cells += [[cell(row) for _, cell in columns] for row in measured]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            '  ' + '  '.join(f'{c:>{w}}' if i else f'{c:<{w}}' for i, (c, w) in line).rstrip()
            for line in (enumerate(zip(row, widths, strict=True)) for row in cells)
        ]
    lines += [
        f'  {row["backend"]} {row["precision"]}: {row["reason"]}'
        for row in rows
        if row['reason'] is not None
    ]
    lines.append(f'  masks compared with: {size["reference"]}')
    lines.append(f'  matrix products: {_peaks(size["gemm"])}')
    if size['publish_reason']:
        lines.append(f'  publish: not measured ({size["publish_reason"]})')
    return lines


def _columns(report: dict[str, Any], rows: list[dict[str, Any]]) -> list[tuple[str, _Cell]]:
    stages = list(dict.fromkeys(stage for row in rows for stage in row['stage_ms']))

    def stage_cell(stage: str) -> _Cell:
        return lambda row: _text(row['stage_ms'].get(stage, {}).get('p50'), '.1f')

    columns: list[tuple[str, _Cell]] = [
        ('backend', lambda row: f'{row["backend"]} {row["precision"]}'),
        ('p50', lambda row: _text(row['end_to_end_ms']['p50'], '.1f')),
        ('p95', lambda row: _text(row['end_to_end_ms']['p95'], '.1f')),
        ('p99 ms', lambda row: _text(row['end_to_end_ms']['p99'], '.1f')),
    ]
    columns += [(stage, stage_cell(stage)) for stage in stages]
    columns += [
        ('times as fast', lambda row: _text(row['ratio_to_baseline'], '.2f')),
        ('images/s', lambda row: _text(row['images_per_s'], '.1f')),
        (f'missed at {report["rate_hz"]:g} Hz', lambda row: f'{row["missed"]}/{row["arrived"]}'),
        ('CPU s', lambda row: _text(row['cpu_s_per_image'], '.3f')),
        ('MB', lambda row: _text(row['peak_rss_mb'], '.0f')),
        ('GEMM', lambda row: _text(row['gemm_fraction'], '.0%')),
        ('masks equal', lambda row: _text(row['mask_agreement'], '.3%')),
    ]
    if any(row['energy_j_per_image'] is not None for row in rows):
        columns.append(('J', lambda row: _text(row['energy_j_per_image'], '.2f')))
    return columns


def _peaks(gemm: list[dict[str, Any]]) -> str:
    words = [
        f'{best["device"]} {precision} {best["gflops"]:.0f} GFLOP/s ({best["library"]})'
        for precisions in peaks(gemm).values()
        for precision, best in precisions.items()
    ]
    words += [
        f'{entry["library"]} {entry["precision"]} failed: {entry["reason"]}'
        for entry in gemm
        if entry['reason']
    ]
    return ', '.join(words) or 'no library to measure with'


def _notes(report: dict[str, Any]) -> list[str]:
    measured = [row for row in report['rows'] if row['reason'] is None]
    notes = [
        f'{report["processors"]} processors, {report["processor"]}; '
        f'images: {report["distinct_images"]} ({report["image_source"]}), '
        f'{report["rounds"]} rounds in turn, each backend in its own process.',
        f"Stages are medians in ms. {BASELINE}: the authors' loop, eager PyTorch in float32, "
        'which normalises the',
        f'whole image in float. On a GPU, infer includes the copies to the device (without '
        f'{UPLOAD}, if that is a',
        'stage of its own) and back. publish: the whole message, with a subscriber in another '
        'process; CPU s and',
        'MB then include ROS. CPU s and J are per image. GEMM: the speed as a share of the '
        'fastest matrix product',
        'of this run.',
        f'Energy: {report["energy_source"]}.',
    ]
    if report['threads']:
        notes.append(
            f'Processor threads for each network: {report["threads"]} at most (baseline: all); '
            'GEMM is a share of all.'
        )
    notes += [
        f'No J for {row["backend"]} {row["precision"]}: {row["energy_reason"]}.'
        for row in measured
        if row['energy_reason']
    ]
    if any((row['gemm_fraction'] or 0.0) > 1.0 for row in measured):
        notes.append(
            'GEMM over 100 % is impossible: other load slowed the matrix product more than the '
            'network.'
        )
    return notes + _busy(report)


def _busy(report: dict[str, Any]) -> list[str]:
    rounds = [load for size in report['sizes'] for load in size['others_by_round']]
    known = [load for load in rounds if load is not None]
    if known:
        others, how = max(known), f'others used up to {max(known):.1f} processors in a round'
    else:
        # It also includes processes that ended before the start.
        others = report['load_average']
        how = f'load average {others:.1f} before the start'
    if others <= _BUSY:
        return []
    return [
        f'THE MACHINE WAS BUSY ({how}): the times are too long, and',
        f'ratios and GEMM are wrong, too, as load slows libraries unequally ({BASELINE} most). '
        'Measure again on',
        'an idle machine.',
    ]


def _text(value: float | None, form: str) -> str:
    return '-' if value is None else format(value, form)


def _size(size_wh: list[int]) -> str:
    return f'{size_wh[0]}x{size_wh[1]}'
