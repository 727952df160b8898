"""A benchmark's report as a picture: a bar for each row, its stages side by side."""

from __future__ import annotations

from typing import Any

import cv2

from espnet_ros.core.drawing import Color, Image, paper, write

# Blue, green, red, in colours that can be told apart in print, too.
_COLORS = (
    (153, 153, 153), (66, 160, 240), (178, 114, 0), (115, 158, 0), (167, 121, 204), (66, 228, 240),
)  # fmt: skip
_PAPER, _INK, _FAINT = (255, 255, 255), (40, 40, 40), (140, 140, 140)
_WIDTH, _LEFT, _RIGHT = 1100, 230, 240
_TOP, _STEP, _BAR, _BOTTOM = 90, 40, 26, 50


def plot(report: dict[str, Any]) -> Image:
    """Draw the stages' medians, uint8 (H, W, 3) BGR; rows without figures show a dash."""
    rows = report['rows']
    canvas = paper(_TOP + _STEP * len(rows) + _BOTTOM, _WIDTH, _PAPER)
    stages = list(dict.fromkeys(stage for row in rows for stage in row['stage_ms'] or {}))
    colors = {stage: _COLORS[i % len(_COLORS)] for i, stage in enumerate(stages)}
    totals = [sum(p['p50'] for p in (row['stage_ms'] or {}).values()) for row in rows]
    scale = (_WIDTH - _LEFT - _RIGHT) / (max(totals, default=0.0) or 1.0)
    width, height = report['image_size_wh']
    _write(
        canvas, f'{width}x{height} {report["encoding"]} image to mask, {report["model"]}', 16, 32,
        0.7,
    )  # fmt: skip
    machine = f'{report["processor"]}, {report["processors"]} processors'
    _write(canvas, machine, 16, 58, color=_FAINT)
    for index, row in enumerate(rows):
        _draw_row(canvas, row, _TOP + _STEP * index, scale, colors)
    x = _LEFT
    for stage, color in colors.items():
        y = canvas.shape[0] - 20
        cv2.rectangle(canvas, (x, y - 12), (x + 14, y + 2), color, cv2.FILLED)
        _write(canvas, stage, x + 20, y)
        x += 50 + 10 * len(stage)
    return canvas


def _draw_row(
    canvas: Image,
    row: dict[str, Any],
    y: int,
    scale: float,
    colors: dict[str, Color],
) -> None:
    width, height = row['size_wh']
    _write(canvas, f'{row["backend"]} {row["precision"]}', 16, y + 14)
    _write(canvas, f'{width}x{height}', 16, y + 28, 0.38, _FAINT)
    if row['stage_ms'] is None:
        _write(canvas, '- not measured', _LEFT, y + 18, color=_FAINT)
        return
    at = 0.0
    for stage, points in row['stage_ms'].items():
        start, at = at, at + points['p50']
        corners = (_LEFT + round(start * scale), y), (_LEFT + round(at * scale) - 1, y + _BAR)
        if corners[1][0] >= corners[0][0]:
            cv2.rectangle(canvas, *corners, colors[stage], cv2.FILLED)
    text = f'{row["end_to_end_ms"]["p50"]:.1f} ms'
    if row['ratio_to_baseline'] is not None:
        text += f', x {row["ratio_to_baseline"]:.2f}'
    _write(canvas, text, _LEFT + round(at * scale) + 8, y + 18)


def _write(
    canvas: Image, text: str, x: int, y: int, size: float = 0.5, color: Color = _INK
) -> None:
    write(canvas, text, x, y, size, color)
