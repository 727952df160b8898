from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.errors import ImageError, ParameterError
from espnet_ros.core.labels import UNLABELED, LabelClass, Labels
from espnet_ros.core.visualize import (
    classes_in,
    colorize,
    contact_sheet,
    legend,
    overlay,
    video_picture,
)

# RGB red and a blue-green, so that a swap of channels shows.
LABELS = Labels(
    [LabelClass('Road', (200, 0, 0), 'ground'), LabelClass('Sky', (0, 20, 100), 'sky')]
)


def image(value: int = 100, height: int = 5, width: int = 7) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def mask(height: int = 5, width: int = 7) -> np.ndarray:
    """Class 0, but class 1 at row 1, column 6, and UNLABELED at row 4, column 2."""
    ids = np.zeros((height, width), np.uint8)
    ids[1, 6], ids[4, 2] = 1, UNLABELED
    return ids


def test_colorize_paints_bgr_and_leaves_what_has_no_class_black():
    colors = colorize(mask(), LABELS)
    assert colors.shape == (5, 7, 3) and colors.dtype == np.uint8
    assert colors[0, 0].tolist() == [0, 0, 200]
    assert colors[1, 6].tolist() == [100, 20, 0]
    assert colors[4, 2].tolist() == [0, 0, 0]


def test_colorize_of_an_id_beyond_the_classes_is_black():
    assert colorize(np.full((2, 3), 2, np.uint8), LABELS).max() == 0


def test_overlay_blends_by_opacity_and_keeps_unlabeled_pixels():
    blended = overlay(image(), mask(), LABELS, opacity=0.25)
    # 0.75 * 100 + 0.25 * (0, 0, 200)
    assert blended[0, 0].tolist() == [75, 75, 125]
    # 0.75 * 100 + 0.25 * (100, 20, 0)
    assert blended[1, 6].tolist() == [100, 80, 75]
    assert blended[4, 2].tolist() == [100, 100, 100]


@pytest.mark.parametrize(('opacity', 'expected'), [(0.0, [100, 100, 100]), (1.0, [0, 0, 200])])
def test_overlay_at_the_ends_of_the_range(opacity, expected):
    assert overlay(image(), mask(), LABELS, opacity)[0, 0].tolist() == expected


def test_overlay_does_not_write_into_its_arguments():
    picture, ids = image(), mask()
    overlay(picture, ids, LABELS)
    assert (picture == 100).all() and (ids == mask()).all()


def test_overlay_takes_a_read_only_view_with_padded_rows():
    padded = image(width=9)[:, :7]
    padded.setflags(write=False)
    assert overlay(padded, mask(), LABELS, 0.25)[0, 0].tolist() == [75, 75, 125]


def test_overlay_refuses_a_mask_of_another_size():
    with pytest.raises(ImageError, match='7x5, got 5x7'):
        overlay(image(), np.zeros((7, 5), np.uint8), LABELS)


@pytest.mark.parametrize('opacity', [-0.1, 1.1, float('nan')])
def test_overlay_refuses_an_opacity_out_of_bounds(opacity):
    with pytest.raises(ParameterError, match='0 to 1'):
        overlay(image(), mask(), LABELS, opacity)


def test_classes_in_counts_over_all_masks_and_leaves_out_unlabeled():
    sky = np.ones((5, 7), np.uint8)
    assert classes_in([mask()], LABELS) == [0, 1]
    assert classes_in([mask(), sky, sky], LABELS) == [1, 0]
    assert classes_in([np.full((5, 7), UNLABELED, np.uint8)], LABELS) == []


def has_color(picture: np.ndarray, bgr: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(bgr, np.uint8)).all(axis=-1).any())


def test_legend_shows_the_swatches_asked_for_and_no_others():
    drawn = legend(LABELS, [1], width=300)
    assert drawn.shape[1] == 300
    assert has_color(drawn, (100, 20, 0))
    assert not has_color(drawn, (0, 0, 200))
    assert drawn.min() < 100, 'the name is written in dark ink'


def test_legend_breaks_lines_where_the_width_ends():
    wide, narrow = legend(LABELS, [0, 1], width=400), legend(LABELS, [0, 1], width=100)
    assert narrow.shape[0] == 2 * wide.shape[0]
    assert has_color(narrow[wide.shape[0] :], (100, 20, 0)), 'second class on the second line'


def test_contact_sheet_holds_image_mask_and_overlay_of_each_row():
    sheet = contact_sheet([image(), image(40)], [mask(), mask()], LABELS, 'title')
    for color in ((100, 100, 100), (0, 0, 200), (50, 50, 150), (40, 40, 40), (20, 20, 120)):
        assert has_color(sheet, color), color


@pytest.mark.parametrize('size_wh', [(7, 5), (481, 361), (1920, 1080)])
def test_video_picture_has_even_sides_and_fits_full_hd(size_wh):
    width, height = size_wh
    picture = video_picture(
        image(100, height, width), mask(height, width), LABELS, [0, 1], 'caption'
    )
    assert picture.shape[0] % 2 == 0 and picture.shape[1] % 2 == 0
    assert picture.shape[1] <= 1920
    middle = picture.shape[1] // 2
    assert picture[2, 2].tolist() == [100, 100, 100]
    assert picture[2, middle + 2].tolist() == [50, 50, 150]


def test_video_picture_without_a_mask_shows_the_image_twice():
    picture = video_picture(image(), None, LABELS, [0], 'lost')
    middle = picture.shape[1] // 2
    assert picture[2, middle + 2].tolist() == [100, 100, 100]
