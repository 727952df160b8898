"""The datasets and settings of the authors' published networks, as in their code."""

from __future__ import annotations

from dataclasses import dataclass

from espnet_ros.core.labels import CAMVID, CITYSCAPES, Labels, with_void

# Of their weights.
LICENCE = 'MIT (Sachin Mehta, 2018)'
# They also divide by 255 after the normalisation with mean and std; their weights require it.
INPUT_SCALE = 1 / 255


@dataclass(frozen=True)
class OfficialDataset:
    """A dataset of the authors.

    :param labels: the classes, void last.
    :param size_wh: of the network input.
    :param mean: of the training images, BGR, 0..255.
    :param std: likewise.
    """

    labels: Labels
    size_wh: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


DATASETS = {
    'cityscapes': OfficialDataset(
        with_void(CITYSCAPES),
        (1024, 512),
        (72.3923111, 82.90893555, 73.15840149),
        (45.3192215, 46.15289307, 44.91483307),
    ),
    'camvid': OfficialDataset(
        with_void(CAMVID),
        (480, 360),
        (110.33102643, 108.40886315, 105.03319369),
        (72.12571015, 72.69074534, 69.90434816),
    ),
}
