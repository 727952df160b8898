"""The tables of docs/models.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / 'docs' / 'models.md').read_text(encoding='utf-8')
_COLUMNS = re.findall(r'`(\w+)`', re.findall(r'^\| \| .*$', PAGE, re.MULTILINE)[0])
VAL = '**CamVid val**, class mIoU, void ignored'
# Rows of the first table, by what `evaluate` calls their figures.
ROWS = {
    'miou_void_ignored': VAL,
    'miou_void_as_error': "void truth as false positive (the paper's convention)",
    'category_miou': 'category mIoU',
    'pixel_accuracy': 'pixel accuracy',
    'ece': 'expected calibration error',
}
STREET = '**80 unseen virtual streets**, class mIoU'


def models() -> list[str]:
    """Return the models that have a column."""
    return _COLUMNS


def cell(row: str, model: str) -> str:
    """Return what a row of the first table says of a model."""
    return _cells(row)[_COLUMNS.index(model)]


def class_ious(model: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the IoU of each class on CamVid val, and on the streets."""
    column = 2 * _COLUMNS.index(model)
    header = f'| class |{"".join(f" `{name}`, val | street |" for name in _COLUMNS)}'
    rows = PAGE.partition(f'{header}\n')[2].partition('\n\n')[0].splitlines()[1:]
    cells = [[cell.strip() for cell in row.split('|')[1:-1]] for row in rows]
    val, street = ({row[0]: row[column + place] for row in cells} for place in (1, 2))
    return val, street


def official_val() -> tuple[float, float]:
    """Return the class mIoU of the authors' weights, with void ignored and as false positive."""
    (found,) = re.findall(r'with ([\d.]+) on val \(([\d.]+) with void as false positive\)', PAGE)
    return float(found[0]), float(found[1])


def rounded(value: float, as_written: str) -> str:
    """Return a value with as many decimals as are written."""
    return f'{value:.{len(as_written.partition(".")[2])}f}'


def _cells(start: str) -> list[str]:
    """Return the cells behind the first one of the row that begins so."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f'| {start} |')]
    return [text.strip(' *`') for text in row.split('|')[2:-1]]
