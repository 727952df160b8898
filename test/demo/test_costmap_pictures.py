from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('av')

from espnet_ros.core.layers import LayerSpec
from espnet_ros.demo.costmap_pictures import costmap_pictures, costmap_sheet
from espnet_ros.demo.map_view import palette
from espnet_ros.demo.pictures import Answer

LAYERS = (LayerSpec('walls', ('Wall',), 100),)
UNKNOWN, FREE, LETHAL = (palette()[i].tolist() for i in (255, 0, 100))
GRAY, GREEN = [90, 90, 90], [0, 200, 0]


@pytest.fixture
def answers() -> list[Answer]:
    """Return three images of 60x40; the second was lost."""
    gray, green = (np.full((40, 60, 3), color, np.uint8) for color in (GRAY, GREEN))
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :20] = 1
    return [Answer(gray, mask, 9.0), Answer(green, None, None), Answer(green, mask, 9.0)]


@pytest.fixture
def costmaps(make_costmap) -> dict:
    """Return free ones whose row of cells 5 m ahead is lethal in the third image's only."""
    free, walled = (np.zeros((120, 200), np.int8) for _ in range(2))
    walled[:, 148:152] = 100
    place = {'resolution': 0.1, 'origin': (-10.0, -6.0)}
    return {0: make_costmap(free, **place), 2: make_costmap(walled, **place)}


def test_the_sheet_has_a_row_of_four_panels_for_each_moment(
    answers, costmaps, make_truth, labels
):
    truth = make_truth([np.eye(4)] * 3)
    sheet = costmap_sheet(answers, costmaps, [0, 2], truth, LAYERS, labels, 'a title')
    # Images of 60x40 are drawn 480 high, so 720 wide, the maps 480 wide; 12 between panels, and
    # 16 of margin, 28 of title and 28 of headings before them.
    assert sheet.shape[1] == 16 + 720 + 12 + 720 + 12 + 480 + 12 + 480 + 16
    for top, color in ((72, GRAY), (72 + 492, GREEN)):
        row = sheet[top : top + 480, 16:-16]
        camera, mask = row[:, :720], row[:, 732:1452]
        assert (camera == color).all()
        # The first third is Wall, in its colour.
        assert mask[240, 100].tolist() == [0, 0, 200] and mask[240, 400].tolist() == [30, 20, 10]
        costmap, truth_map = row[:, 1464:1944], row[:, 1956:]
        # 3.5 m ahead and half a metre right: 9 - 3.5 m from the top.
        assert costmap[220, 260].tolist() == FREE
        assert truth_map[220, 260].tolist() == LETHAL
        # 5 m ahead.
        assert costmap[160, 260].tolist() == (FREE if color == GRAY else LETHAL)


def test_the_video_shows_the_newest_costmap_of_each_moment(
    answers, costmaps, make_truth, moved, labels
):
    truth = make_truth([np.eye(4), moved(2.0, 0.0), moved(2.0, 0.0)])
    counted = []

    def progress(items, total):
        counted.append(total)
        return items

    frames = list(
        costmap_pictures(answers, costmaps, truth, LAYERS, labels, 'caption', progress)
    )
    assert counted == [3] and len(frames) == 3
    assert {f.shape for f in frames} == {frames[0].shape}
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    # The overlay: half of the image and half of the colour; a lost image stays as it is.
    assert frames[0][256, 416].tolist() == [60, 55, 50]
    assert frames[1][256, 416].tolist() == GREEN
    maps = [f[16 : 16 + 480, 16 + 732 : 16 + 732 + 480] for f in frames]
    # 3 m ahead of the third image's place.
    assert [m[240, 260].tolist() for m in maps] == [FREE, FREE, LETHAL]


def test_before_the_first_costmap_all_is_unknown(answers, make_truth, labels):
    truth = make_truth([np.eye(4)] * 3)
    frames = list(
        costmap_pictures(answers, {}, truth, LAYERS, labels, 'caption', lambda a, n: a)
    )
    assert all(f[256, 16 + 732 + 260].tolist() == UNKNOWN for f in frames)
