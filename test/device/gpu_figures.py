"""The figures and the table of gpu_report.py, from what was measured; needs no GPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from espnet_ros.benchmark.macs import macs

# ESPNet on a TITAN X at 1024x512 (Mehta et al., ECCV 2018, abstract).
PAPER_IMAGES_PER_S = 112.0
EAGER = ('torch eager', 'f32')
# Share of equal pixels. f32 and f16 as in test/backends/test_contract.py, against float32 on the
# CPU; int8 against its own graph on the CPU, where rounding falls the other way now and then.
LEAST = {'f32': 0.999, 'f16': 0.997, 'int8': 0.99}
# What feature maps between convolutions are stored in: sums stay in float16 in int8, too.
_BYTES = {'f32': 4, 'f16': 2, 'int8': 2}
_COLUMNS = (
    'backend', 'precision', 'batch', 'build s', 'start s', 'p50 ms', 'p95 ms', 'images/s',
    'x eager f32', 'x paper', 'floor ms', 'p50 / floor', 'agreement',
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A backend in a precision, as measured.

    :param build_s: first start, with the build of an engine, until the first masks.
    :param start_s: next start, until the first masks.
    :param p50_ms: from host memory to host memory.
    :param agreement: share of pixels of the reference's class, 0..1.
    :param reason: why there are no figures, or ''.
    """

    backend: str
    precision: str
    batch: int
    build_s: float = 0.0
    start_s: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    agreement: float = 0.0
    reason: str = ''

    @property
    def images_per_s(self) -> float:
        """Return the images of one batch after the other."""
        return 1e3 * self.batch / self.p50_ms

    @property
    def passed(self) -> bool:
        """Return whether its masks are right."""
        return not self.reason and self.agreement >= LEAST[self.precision]


@dataclass(frozen=True)
class Peaks:
    """What the GPU reached in plain operations of PyTorch.

    :param flops: precision -> operations a second of a matrix product.
    :param memory: bytes a second, read and written, of a copy on the device.
    :param link: bytes a second of a copy from pinned host memory.
    """

    flops: Mapping[str, float]
    memory: float
    link: float


def feature_values(architecture: Mapping[str, Any], size_wh: tuple[int, int]) -> int:
    """Return the numbers that leave the modules of ESPNet for one image.

    Inside of a module everything may be fused; what leaves it has to be written and read.
    """
    classes, alpha2, alpha3 = (architecture[key] for key in ('classes', 'alpha2', 'alpha3'))
    pixels = size_wh[0] * size_wh[1]
    # Level 1 and the pooled image, both joined; up2 and merge1.
    half = 16 + 3 + 19 + 2 * classes
    # The modules of level 2, the pooled image, all joined; project2, up3 and merge2.
    quarter = 64 * (1 + alpha2) + 3 + 131 + 3 * classes
    # The modules of level 3, joined; the classifier.
    eighth = 128 * (1 + alpha3) + 256 + classes
    return pixels // 4 * half + pixels // 16 * quarter + pixels // 64 * eighth


def floor_ms(
    row: Row, peaks: Peaks, architecture: Mapping[str, Any], size_wh: tuple[int, int]
) -> float | None:
    """Return the least time for a batch: the copies, and the slower of arithmetic and memory."""
    if row.precision not in peaks.flops:
        return None
    copied = 5 * size_wh[0] * size_wh[1] / peaks.link
    arithmetic = 2 * macs(architecture, size_wh) / peaks.flops[row.precision]
    moved = 2 * _BYTES[row.precision] * feature_values(architecture, size_wh) / peaks.memory
    return 1e3 * row.batch * (copied + max(arithmetic, moved))


def table(
    rows: Iterable[Row],
    peaks: Peaks | None,
    architecture: Mapping[str, Any],
    size_wh: tuple[int, int],
) -> str:
    """Return all rows as Markdown; below them why some are empty."""
    rows = list(rows)
    eager_rows = (r for r in rows if (r.backend, r.precision) == EAGER and not r.reason)
    eager = {row.batch: row.images_per_s for row in eager_rows}
    lines = ['| ' + ' | '.join(_COLUMNS) + ' |', '|---' * len(_COLUMNS) + '|']
    for row in rows:
        cells = [row.backend, row.precision, str(row.batch)]
        if row.reason:
            cells += ['-'] * (len(_COLUMNS) - len(cells))
        else:
            floor = peaks and floor_ms(row, peaks, architecture, size_wh)
            speed = row.images_per_s
            figures = [
                row.build_s, row.start_s, row.p50_ms, row.p95_ms, speed,
                speed / eager[row.batch] if row.batch in eager else None,
                speed / PAPER_IMAGES_PER_S if size_wh == (1024, 512) else None,
                floor, row.p50_ms / floor if floor else None,
            ]  # fmt: skip
            cells += ['-' if figure is None else f'{figure:.4g}' for figure in figures]
            cells.append(f'{row.agreement:.3%}{"" if row.passed else " WRONG"}')
        lines.append('| ' + ' | '.join(cells) + ' |')
    lines += [f'{row.backend} {row.precision}: {row.reason}' for row in rows if row.reason]
    return '\n'.join(lines)
