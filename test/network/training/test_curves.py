"""What TensorBoard is told, through a writer that takes notes, and what it makes of it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip('torch')

from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.training.curves import Curves
from espnet_ros.network.training.datasets import Sample

LABELS = Labels([LabelClass('a', (250, 0, 10), 'ground'), LabelClass('b', (0, 0, 9), 'sky')])


class Notes:
    """A SummaryWriter."""

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.scalars: list[tuple[str, float, int]] = []
        self.images: dict[str, np.ndarray] = {}
        self.closed = False

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, value, step))

    def add_image(self, tag: str, picture: np.ndarray, step: int, dataformats: str) -> None:
        assert (dataformats, step) == ('HWC', 8)
        self.images[tag] = picture

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Curves, Notes]:
    fake: Any = ModuleType('torch.utils.tensorboard')
    fake.SummaryWriter = Notes
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', fake)
    curves = Curves(tmp_path, LABELS, 7)
    return curves, curves._writer


def test_an_epoch_becomes_points(notes: tuple[Curves, Notes]) -> None:
    curves, writer = notes
    # A resumed run replaces what was written from its first epoch on.
    assert writer.purge_step == 8
    curves.numbers({'epoch': 8, 'loss': 0.5}, 1e-3)
    curves.numbers({'epoch': 9, 'loss': 0.4, 'val_miou': 0.6, 'val_iou': [0.5, 0.7]}, 2e-3)
    assert writer.scalars == [
        ('loss', 0.5, 8), ('learning_rate', 1e-3, 8),
        ('loss', 0.4, 9), ('learning_rate', 2e-3, 9),
        ('val/miou', 0.6, 9), ('val_iou/a', 0.5, 9), ('val_iou/b', 0.7, 9),
    ]  # fmt: skip
    curves.numbers({'epoch': 10, 'loss': 0.3, 'val_miou': 0.6, 'val_iou': [None, 0.6]}, 2e-3)
    assert writer.scalars[-2:] == [('val/miou', 0.6, 10), ('val_iou/b', 0.6, 10)]
    assert not writer.closed
    curves.close()
    assert writer.closed


def test_pictures_are_image_truth_and_mask_in_rgb(notes: tuple[Curves, Notes]) -> None:
    curves, writer = notes
    image = np.zeros((5, 7, 3), np.uint8)
    image[..., 0] = 99  # blue
    truth = np.full((5, 7), 255, np.uint8)
    samples = [Sample(f'{i}.png', image, truth) for i in range(9)]
    curves.pictures(8, samples, lambda sample: np.zeros((5, 7), np.uint8))
    assert list(writer.images) == ['val/0.png', 'val/2.png', 'val/4.png', 'val/6.png']
    picture = writer.images['val/4.png']
    assert picture.shape == (5, 21, 3)
    assert picture[2, [0, 7, 14]].tolist() == [[0, 0, 99], [0, 0, 0], [250, 0, 10]]


def test_a_full_disk_is_found_before_the_writer_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[str] = []
    fake: Any = ModuleType('torch.utils.tensorboard')
    fake.SummaryWriter = lambda folder, purge_step: begun.append(folder)
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', fake)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            Curves(tmp_path / 'curves', LABELS, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not begun
    Curves(tmp_path / 'curves', LABELS, 0)
    assert begun and not list((tmp_path / 'curves').iterdir())


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    reader = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    row = {'epoch': 1, 'loss': 0.5, 'val_miou': 0.25, 'val_iou': [0.5, None]}
    first = Curves(tmp_path, LABELS, 0)
    first.numbers(row, 1e-3)
    first.numbers({**row, 'epoch': 2}, 1e-3)
    # Killed and resumed after the first epoch.
    resumed = Curves(tmp_path, LABELS, 1)
    resumed.numbers({**row, 'epoch': 2, 'loss': 0.25}, 1e-3)
    sample = Sample('a.png', np.zeros((5, 7, 3), np.uint8), np.zeros((5, 7), np.uint8))
    resumed.pictures(2, [sample], lambda sample: sample.truth)
    first.close()
    resumed.close()
    seen = reader.EventAccumulator(str(tmp_path))
    seen.Reload()
    tags = seen.Tags()
    assert set(tags['scalars']) == {'loss', 'learning_rate', 'val/miou', 'val_iou/a'}
    assert tags['images'] == ['val/a.png']
    assert [(event.step, event.value) for event in seen.Scalars('loss')] == [(1, 0.5), (2, 0.25)]
    picture = seen.Images('val/a.png')[0]
    assert (picture.width, picture.height, picture.step) == (21, 5, 2)
