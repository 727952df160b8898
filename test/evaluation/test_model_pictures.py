from __future__ import annotations

import numpy as np

from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.core.metrics import ConfusionMatrix
from espnet_ros.evaluation.model_pictures import confusion_picture, worst_picture

LABELS = Labels(
    [
        LabelClass('Blue', (0, 0, 255), 'ground'),
        LabelClass('a class of a long name', (255, 0, 0), 'sky'),
    ]
)
BLUE, RED = [255, 0, 0], [0, 0, 255]


def darkness(picture: np.ndarray, row: int, column: int, cells: int) -> float:
    """Return how dark the corner of a cell is, counted from the lower right one."""
    y = picture.shape[0] - 16 - 46 * (2 - row) + 4
    x = picture.shape[1] - 16 - 46 * (cells - column) + 4
    return 255 - float(picture[y, x].mean())


def test_cells_are_as_dark_as_their_share() -> None:
    matrix = ConfusionMatrix(2)
    truth = np.array([0] * 10 + [1] * 10, np.uint8)
    matrix.update(np.array([0] * 9 + [1] + [1] * 5 + [0] * 5, np.uint8), truth)
    picture = confusion_picture(matrix, LABELS.names, 'a title')
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    cells = {(r, c): darkness(picture, r, c, 2) for r in (0, 1) for c in (0, 1)}
    assert cells[0, 0] > cells[1, 0] > cells[0, 1] > 0
    assert cells[1, 0] == cells[1, 1]


def test_missing_labels_get_a_column_and_a_long_title_its_room() -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(np.array([0, 255], np.uint8), np.array([0, 0], np.uint8))
    with_column = confusion_picture(matrix, LABELS.names, '')
    assert darkness(with_column, 0, 2, 3) == darkness(with_column, 0, 0, 3) > 0
    long_title = confusion_picture(matrix, LABELS.names, 'words ' * 40)
    assert long_title.shape[1] > with_column.shape[1]
    assert long_title.shape[0] == with_column.shape[0]


def test_the_sheet_shows_image_truth_and_mask_of_each_row() -> None:
    image = np.full((60, 80, 3), (0, 250, 0), np.uint8)
    truth, mask = np.zeros((60, 80), np.uint8), np.ones((60, 80), np.uint8)
    rows = [(name, image, truth, mask) for name in ('one', 'two')]
    sheet = worst_picture(rows, LABELS, 'title')
    one_row = worst_picture(rows[:1], LABELS, 'title')
    # 400 pixels wide, so 300 high, under a line of text.
    assert sheet.shape[0] - one_row.shape[0] == 300 + 26
    middle = sheet[2 * 26 + 150]
    assert [middle[16 + 200 + i * 416].tolist() for i in range(3)] == [[0, 250, 0], BLUE, RED]
