"""Curves and sample pictures for TensorBoard."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.labels import Labels
from espnet_ros.core.visualize import colorize
from espnet_ros.network.training.datasets import Sample

PICTURES = 4
# In bytes, about what an epoch writes.
ROOM = 2**20


class Curves:
    """Writes what `tensorboard --logdir` shows.

    :param folder: of the event files.
    :param labels: the classes, for names and colours.
    :param epoch: the last one of a resumed run; later points of an earlier run are hidden.
    :raises ImportError: if the package tensorboard is not installed.
    :raises OSError: if the disk has no room for the curves, or the folder can't be written.
    """

    def __init__(self, folder: Path, labels: Labels, epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        # Fail here: the writer's own thread would only print a traceback later.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(ROOM))
        self._labels = labels
        self._writer: Any = SummaryWriter(str(folder), purge_step=epoch + 1)

    def numbers(self, row: Mapping[str, Any], learning_rate: float) -> None:
        """Add the points of one epoch.

        :param row: its line of log.jsonl.
        """
        epoch = row['epoch']
        self._writer.add_scalar('loss', row['loss'], epoch)
        self._writer.add_scalar('learning_rate', learning_rate, epoch)
        if 'val_miou' in row:
            self._writer.add_scalar('val/miou', row['val_miou'], epoch)
            for name, iou in zip(self._labels.names, row['val_iou'], strict=True):
                # A class that is not in the truth has no IoU.
                if iou is not None:
                    self._writer.add_scalar(f'val_iou/{name}', iou, epoch)
        self._writer.flush()

    def pictures(
        self, epoch: int, samples: Sequence[Sample], predict: Callable[[Sample], UInt8Array]
    ) -> None:
        """Add image, truth and mask, side by side, of a few samples, evenly spread.

        :param predict: makes the mask of a sample, class_id uint8 (H, W).
        """
        count = min(PICTURES, len(samples))
        for index in range(count):
            sample = samples[index * len(samples) // count]
            masks = (sample.truth, predict(sample))
            panels = [sample.image, *(colorize(mask, self._labels) for mask in masks)]
            picture = cv2.cvtColor(np.concatenate(panels, axis=1), cv2.COLOR_BGR2RGB)
            self._writer.add_image(f'val/{sample.name}', picture, epoch, dataformats='HWC')
        self._writer.flush()

    def close(self) -> None:
        """End the file and the thread that writes it."""
        self._writer.close()
