"""The files that a drive leaves behind, where some of them have nothing to show."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('av')

from espnet_ros.demo import results, run
from espnet_ros.demo.pictures import Answer

IMAGE = np.zeros((4, 6, 3), np.uint8)
REPORT = {
    'backend': 'onnx', 'precision': 'f32', 'device': 'CPU', 'costmap': {},
    'latency_ms': {'p50': 9.0, 'p95': 12.0},
}  # fmt: skip


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names of the files that are drawn, costmap.png with its moments."""
    names: dict[str, Any] = {}
    for name in ('write_contact_sheet', 'write_video', 'write_picture'):
        monkeypatch.setattr(results, name, lambda path, what, *_: names.update({path.name: what}))
    monkeypatch.setattr(results, 'costmap_sheet', lambda answers, costmaps, picks, *_: picks)
    monkeypatch.setattr(results, 'costmap_title', lambda figures: '')
    for name in ('overlay_pictures', 'costmap_pictures'):
        monkeypatch.setattr(results, name, lambda *_: ())
    return names


def drive(costmaps: tuple[int, ...]) -> Any:
    """Return a drive of three images, of which the second one's mask was lost."""
    mask = np.zeros((4, 6), np.uint8)
    answers = [Answer(IMAGE, mask, 9.0), Answer(IMAGE, None, None), Answer(IMAGE, mask, 9.0)]
    return SimpleNamespace(
        answers=lambda: answers,
        bundle=SimpleNamespace(labels=None, name='tiny'),
        plan=SimpleNamespace(rate_hz=5.0, size_wh=(6, 4)),
        setup=SimpleNamespace(layers=()),
        truth='known',
        costmaps=dict.fromkeys(costmaps, 'costmap'),
    )


@pytest.mark.parametrize(
    ('costmaps', 'moments'), [((0, 1, 2), [0, 2]), ((1, 2), [2]), ((1,), None)]
)
def test_costmaps_are_drawn_beside_masks_that_came(costmaps, moments, written, tmp_path):
    results.draw(drive(costmaps), REPORT, tmp_path)
    assert written.get('costmap.png') == moments
    names = {'contact_sheet.png', 'overlay.mp4', 'costmap.mp4'}
    assert set(written) == names | ({'costmap.png'} if moments else set())


@pytest.mark.parametrize('received', [{}, {100: 130}])
def test_nothing_of_an_earlier_run_stays_beside_the_report(received, monkeypatch, tmp_path):
    record = SimpleNamespace(received=received)
    for name, value in (
        ('require_ros', None), ('discovery_range', None), ('open_source', 'source'),
        ('_model', ('bundle', {})), ('node_setup', SimpleNamespace(grid_topics=())),
        ('prepare', 'plan'), ('_drive', record), ('true_drive', None),
        ('drive_report', {'received': len(received)}),
    ):  # fmt: skip
        monkeypatch.setattr(run, name, lambda *_, value=value: value)
    monkeypatch.setattr(run, 'draw', lambda drive, report, folder: draw(folder))

    def draw(folder: Path) -> None:
        (folder / 'overlay.mp4').write_text('new')

    drawn = ('overlay.mp4', 'contact_sheet.png', 'costmap.mp4', 'costmap.png')
    for name in (*drawn, 'report.json', 'notes.txt'):
        (tmp_path / name).write_text('old')
    options = run.Options('street', SimpleNamespace(rate_hz=5.0), None, {}, tmp_path)
    report = run.run_demo(options)
    assert json.loads((tmp_path / 'report.json').read_text()) == report
    left = {path.name: path.read_text() for path in tmp_path.iterdir()}
    del left['report.json']
    assert left == {'notes.txt': 'old'} | ({'overlay.mp4': 'new'} if received else {})
