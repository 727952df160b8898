from __future__ import annotations

import cv2
import numpy as np
import pytest

from espnet_ros.core.drawing import (
    INK,
    LINE,
    MARGIN,
    of_width,
    paper,
    resized,
    swatches,
    text_line,
    text_width,
    write,
)

RED, WHITE = (0, 0, 255), (255, 255, 255)


def test_a_text_is_written_into_a_part_of_a_picture_and_no_further() -> None:
    canvas = paper(60, 200)
    write(canvas[20:50, 40:160], 'gap', 4, 20, color=RED)
    written = (canvas != 250).any(axis=2)
    rows, cols = np.nonzero(written)
    assert rows.min() >= 20 and rows.max() < 50
    assert cols.min() >= 40 and cols.max() < 44 + text_width('gap') + 4


def test_a_line_too_long_is_written_smaller() -> None:
    text = 'a title of some length'
    narrow = text_line(text, text_width(text) // 2 + 2 * MARGIN)
    assert narrow.shape[0] == LINE
    cols = np.nonzero((narrow != 250).any(axis=(0, 2)))[0]
    assert cols.min() >= MARGIN - 2 and cols.max() <= narrow.shape[1] - MARGIN + 2


@pytest.mark.parametrize('edged', [False, True])
def test_swatches_take_the_lines_they_need(edged: bool) -> None:
    entries = [('red', RED), ('white', WHITE)]
    width = MARGIN + 16 + 6 + text_width('red') + 18 + 30
    picture = swatches(entries, width, width, edged)
    assert picture.shape == (2 * LINE, width, 3)
    middle = LINE // 2
    assert picture[middle, MARGIN + 8].tolist() == list(RED)
    assert picture[LINE + middle, MARGIN + 8].tolist() == list(WHITE)
    assert picture[LINE + middle, MARGIN].tolist() == list(INK if edged else WHITE)
    assert swatches(entries, 500, 500).shape == (LINE, 500, 3)


def test_images_are_averaged_when_they_shrink() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[::2] = 200
    assert resized(image, (6, 4)) is image
    assert (resized(image, (3, 2)) == 100).all()
    wide = np.zeros((5, 7, 3), np.uint8)
    assert resized(wide, (14, 5)).shape == (5, 14, 3)
    assert of_width(wide, 14).shape == (10, 14, 3)
    assert (of_width(image, 3) == cv2.resize(image, (3, 2), interpolation=cv2.INTER_AREA)).all()


def test_a_picture_that_is_very_high_is_bounded():
    tower = np.full((360, 3, 3), 7, np.uint8)
    sheet = of_width(tower, 40)
    assert sheet.shape == (80, 40, 3)
    assert (sheet == 7).all(axis=2).sum() == 80
    assert (sheet[:, 19] == 7).all()
    assert of_width(np.zeros((80, 40, 3), np.uint8), 20).shape == (40, 20, 3)
