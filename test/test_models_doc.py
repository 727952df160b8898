"""What the pages say of the shipped models is what the models' files say, rounded."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from models_page import PAGE, STREET, VAL, cell, class_ious, models, official_val, rounded

from espnet_ros.benchmark.macs import macs
from espnet_ros.bundle import Bundle, shipped_models

ROOT = Path(__file__).resolve().parents[1]
LARGE, SMALL = 'espnet_camvid', 'espnet_camvid_small'
BUNDLES = {name: Bundle.load(name) for name in shipped_models()}
FEWER_BITS = 'class mIoU in int8 (ONNX Runtime, by `export --int8`)'
OPENVINO_INT8 = 'class mIoU in int8 (OpenVINO)'
CORRUPTED = (
    'class mIoU on val in another light, colour, focus, noise and compression (mean of 8)'
)


def miou(name: str, of: str = 'val') -> float:
    return 100 * BUNDLES[name].metrics[f'{of}_miou_void_ignored']


def gmac(name: str, size_wh: tuple[int, int] | None = None) -> float:
    bundle = BUNDLES[name]
    return macs(bundle.architecture, size_wh or bundle.size_wh) / 1e9


def size(name: str) -> str:
    return '{}x{}'.format(*BUNDLES[name].size_wh)


def parameters(name: str) -> str:
    """Count them in the weights, whose batch statistics are none."""
    content = BUNDLES[name].files['weights'].read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], 'little')])
    learned = {k: v for k, v in header.items() if not re.search('__metadata__|running_', k)}
    return f'{sum(math.prod(tensor["shape"]) for tensor in learned.values()):,}'


def test_every_shipped_model_has_a_column() -> None:
    assert sorted(models()) == sorted(shipped_models()) == sorted((LARGE, SMALL))


@pytest.mark.parametrize('name', shipped_models())
def test_the_figures_are_those_of_the_files(name: str) -> None:
    bundle = BUNDLES[name]
    assert cell('sha256 of `weights.safetensors`', name) == bundle.sha256['weights']
    assert cell('alpha3', name) == str(bundle.architecture['alpha3'])
    assert cell('parameters', name) == parameters(name)
    assert cell(VAL, name) == f'{miou(name):.1f}'
    assert cell(FEWER_BITS, name) == f'{miou(name, "int8_val"):.2f}'
    # What is promised: the small one within four points, int8 within one.
    assert miou(name) > miou(LARGE) - 4
    assert miou(name) - miou(name, 'int8_val') <= 1


@pytest.mark.parametrize('name', shipped_models())
def test_the_classes_have_the_means_of_the_table(name: str) -> None:
    on_val, on_streets = class_ious(name)
    assert tuple(on_val) == tuple(on_streets) == BUNDLES[name].labels.names
    means = [sum(map(float, ious.values())) / len(ious) for ious in (on_val, on_streets)]
    # Rounded are the classes, to a tenth, and what is compared with, to a hundredth or a tenth.
    assert means[0] == pytest.approx(miou(name), abs=0.05 + 0.005)
    assert means[1] == pytest.approx(float(cell(STREET, name)), abs=0.05 + 0.05)


def readme_row(name: str, on_val: str) -> tuple[str, str, list[float | str]]:
    """Return the quotation of README.md's table of models."""
    architecture = BUNDLES[name].architecture
    network = rf'\| `{name}` \| ESPNet, alpha2 = #, alpha3 = #, ([\d,]+) parameters'
    return (
        'README.md', rf'{network} \| [^|]+ \| (\d+x\d+) \| # \| {on_val} \|',
        [architecture['alpha2'], architecture['alpha3'], parameters(name), size(name), gmac(name),
         miou(name), float(cell(STREET, name))],
    )  # fmt: skip


def recipe_step(name: str) -> tuple[str, str, list[float | str]]:
    """Return the quotation of the step of recipe.md that made the model."""
    shipped = rf'shipped as `{name}`\*\*: \S+ -> #, \S+ -> # on the streets, \S+ -> \S+ on the'
    return (
        'docs/recipe.md', rf'{shipped} training pictures, \S+ -> # in another light',
        [miou(name), float(cell(STREET, name)), float(cell(CORRUPTED, name))],
    )  # fmt: skip


# Page, words in it with # for each number (line ends are spaces), and what the numbers stand for.
QUOTED: list[tuple[str, str, list[float | str]]] = [
    readme_row(LARGE, '# on CamVid val, # on unseen virtual streets'),
    readme_row(SMALL, '#, #'),
    recipe_step(LARGE),
    recipe_step(SMALL),
    ('README.md', r'\| the # of CamVid \|', [len(BUNDLES[LARGE].labels)]),
    (
        'docs/models.md', r'for the # classes of CamVid at (\d+x\d+), with alpha2 = #',
        [len(BUNDLES[LARGE].labels), size(LARGE), BUNDLES[LARGE].architecture['alpha2']],
    ),
    (
        'docs/models.md', r'`val_ece` in `model\.yaml` \(# and #\)',
        [BUNDLES[name].metrics['val_ece'] for name in (LARGE, SMALL)],
    ),
    (
        'docs/models.md', r'hardly ever found \(IoU #\), .*? on the streets #,',
        [float(ious['Pole']) for ious in class_ious(LARGE)],
    ),
    (
        'docs/first_hour.md', r'# GMAC against # at (\d+x\d+), for # points of class mIoU',
        [gmac(SMALL), gmac(LARGE), size(LARGE), miou(LARGE) - miou(SMALL)],
    ),
    ('docs/cpu_speed.md', r'`espnet_camvid` \(# GMAC at 1024x512\)', [gmac(LARGE, (1024, 512))]),
    (
        'docs/cpu_speed.md',
        'masks give # class mIoU on the 101 pictures of CamVid val in place of # for the large '
        'model and # in place of # for the small one',
        [float(cell(OPENVINO_INT8, LARGE)), miou(LARGE),
         float(cell(OPENVINO_INT8, SMALL)), miou(SMALL)],
    ),
    (
        'docs/cpu_speed.md', "ONNX Runtime's of the same files # and #",
        [miou(LARGE, 'int8_val'), miou(SMALL, 'int8_val')],
    ),
    (
        'docs/tensorrt.md', r'\| `espnet_camvid` \| # \| # \|',
        [miou(LARGE), miou(LARGE, 'int8_val')],
    ),
    ('docs/tensorrt.md', r'CamVid weights, imported \| # \|', [official_val()[0]]),
    ('docs/recipe.md', r'each of the three drives \(and # on val\)', [official_val()[0]]),
]  # fmt: skip


@pytest.mark.parametrize(('page', 'words', 'expected'), QUOTED, ids=[page for page, *_ in QUOTED])
def test_other_pages_quote_the_same(page: str, words: str, expected: list[float | str]) -> None:
    text = ' '.join((ROOT / page).read_text(encoding='utf-8').split())
    found = re.findall(words.replace('#', r'(\d+(?:\.\d+)?)'), text)
    assert len(found) == 1, words
    written = [found[0]] if isinstance(found[0], str) else found[0]
    assert list(written) == [
        number if isinstance(number, str) else rounded(number, as_written)
        for number, as_written in zip(expected, written, strict=True)
    ]


def test_the_small_model_saves_a_third_of_the_arithmetic() -> None:
    first_hour = (ROOT / 'docs' / 'first_hour.md').read_text(encoding='utf-8')
    assert 'a third of the arithmetic' in first_hour
    assert round(100 * (1 - gmac(SMALL) / gmac(LARGE))) == 33


def test_the_training_pictures_have_one_figure() -> None:
    recipe = ' '.join((ROOT / 'docs' / 'recipe.md').read_text(encoding='utf-8').split())
    (last,) = re.findall(rf'shipped as `{LARGE}`.*? -> (\S+) on the training pictures', recipe)
    assert re.findall('class mIoU on them is ([0-9.]+),', recipe) == [last]


def test_the_page_has_no_figure_of_a_former_model() -> None:
    # What a retrained model would leave behind: another val or street figure in bold.
    bold = re.findall(r'\*\*(\d+\.\d)\*\*', PAGE)
    assert bold == [cell(row, name) for row in (VAL, STREET) for name in models()]
