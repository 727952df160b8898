"""docs/models.md speaks of the models that are shipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from espnet_ros.benchmark.macs import macs
from espnet_ros.bundle import Bundle, shipped_models

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'models.md').read_text(encoding='utf-8')
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def cells(start: str) -> list[str]:
    """Return the cells behind the first one of the row that begins so."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f'| {start} |')]
    return [cell.strip(' *`') for cell in row.split('|')[2:-1]]


def test_every_shipped_model_has_a_column() -> None:
    header = next(line for line in PAGE.splitlines() if line.startswith('| | '))
    assert sorted(re.findall(r'`(\w+)`', header)) == sorted(shipped_models())


@pytest.mark.parametrize(
    ('column', 'name'), list(enumerate(('espnet_camvid', 'espnet_camvid_small')))
)
def test_the_figures_are_those_of_the_files(column: int, name: str) -> None:
    bundle = Bundle.load(name)
    assert cells('sha256 of `weights.safetensors`')[column] == bundle.sha256['weights']
    miou = 100 * bundle.metrics['val_miou_void_ignored']
    assert cells('**CamVid val**, class mIoU, void ignored')[column] == f'{miou:.1f}'
    assert cells('alpha3')[column] == str(bundle.architecture['alpha3'])
    # What is promised: the small one within four points, int8 within one.
    assert miou > 100 * Bundle.load('espnet_camvid').metrics['val_miou_void_ignored'] - 4
    assert miou - 100 * bundle.metrics['int8_val_miou_void_ignored'] <= 1


@pytest.mark.parametrize('name', shipped_models())
def test_the_readme_has_the_arithmetic(name: str) -> None:
    bundle = Bundle.load(name)
    (row,) = [line for line in README.splitlines() if line.startswith(f'| `{name}` |')]
    *_, size, gmac, _ = (cell.strip() for cell in row.strip('|').split('|'))
    assert size == '{}x{}'.format(*bundle.size_wh)
    assert gmac == f'{macs(bundle.architecture, bundle.size_wh) / 1e9:.3f}'
