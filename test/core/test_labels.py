from __future__ import annotations

import numpy as np
import pytest

from espnet_ros.core.errors import BundleError, DatasetError
from espnet_ros.core.labels import CAMVID, CITYSCAPES, UNLABELED, LabelClass, Labels, with_void


def test_camvid_and_cityscapes_ids_are_the_datasets() -> None:
    assert [CAMVID.names[i] for i in (0, 3, 4, 10)] == ['Sky', 'Road', 'Pavement', 'Bicyclist']
    assert [CITYSCAPES.names[i] for i in (0, 1, 13, 18)] == ['road', 'sidewalk', 'car', 'bicycle']
    assert (len(CAMVID), len(CITYSCAPES)) == (11, 19)


def test_palette_is_bgr_and_black_beyond_the_classes() -> None:
    assert CITYSCAPES.palette_bgr[1].tolist() == [232, 35, 244]
    assert CITYSCAPES.palette_bgr[19:].max() == 0


def test_void_and_ids_without_a_class_become_unlabeled() -> None:
    lut = with_void(CAMVID).mask_lut
    assert lut[:11].tolist() == list(range(11))
    assert set(lut[11:].tolist()) == {UNLABELED}


def test_list_round_trip() -> None:
    assert Labels.from_list(CAMVID.to_list()) == CAMVID


def test_only_what_differs_between_two_tables_is_told() -> None:
    road, car = CITYSCAPES[0], CITYSCAPES[13]
    mine = Labels([road, car])
    dark, new = LabelClass('car', (0, 0, 9), 'upright'), LabelClass('x', (1, 1, 1), 'sky')
    theirs = Labels([road, dark, new])
    assert mine.differences(mine) == []
    assert mine.differences(theirs) == [
        'class 1 is car (upright, 0 0 9), not car (upright, 0 0 142)',
        'class 2 is x (sky, 1 1 1), not none',
    ]
    assert theirs.differences(mine)[1] == 'class 2 is none, not x (sky, 1 1 1)'


def test_ids_of_another_table_are_found_by_name() -> None:
    def labels(names: str) -> Labels:
        return Labels([LabelClass(n, (0, 0, 0), 'ground') for n in names])

    lut = labels('bca').lut_to(labels('xab'))
    assert lut.dtype == np.uint8 and lut.shape == (256,)
    assert lut[:3].tolist() == [2, UNLABELED, 1]
    assert set(lut[3:].tolist()) == {UNLABELED}
    # Void is a class of one table and none of the other.
    assert with_void(CAMVID).lut_to(CAMVID)[[10, 11, 255]].tolist() == [10, 255, 255]


def test_classes_that_a_model_does_not_know_are_named() -> None:
    CITYSCAPES.check_knows(Labels(CITYSCAPES[5:2:-1]))
    unknown = LabelClass('snow', (0, 0, 0), 'ground')
    few = Labels(CITYSCAPES[:2])
    with pytest.raises(DatasetError, match='not know snow, sky of the dataset: it knows road, si'):
        few.check_knows(Labels([unknown, CITYSCAPES[0], CITYSCAPES[10]]))


def test_every_offender_is_named() -> None:
    with pytest.raises(BundleError) as error:
        Labels([LabelClass('a', (0, 0, 256), 'ground'), LabelClass('a', (0, 0, 0), 'floor')])
    for part in ("'a' is used 2 times", 'got [0, 0, 256]', "got 'floor'"):
        assert part in str(error.value)


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(BundleError, match='class 1 has an empty name'):
        Labels([LabelClass('a', (0, 0, 0), 'sky'), LabelClass('', (0, 0, 0), 'sky')])


@pytest.mark.parametrize(
    'items',
    [
        [{'name': 'a'}],
        ['a'],
        [{'name': 'a', 'color_rgb': 1}],
        [{'name': 'a', 'color_rgb': '255', 'kind': 'sky'}],
        [{'name': 'a', 'color_rgb': [float('inf'), 0, 0], 'kind': 'sky'}],
        [{'name': ['a'], 'color_rgb': [1, 2, 3], 'kind': 'sky'}],
        [{'name': False, 'color_rgb': [1, 2, 3], 'kind': 'sky'}],
        [{'name': 'a', 'color_rgb': [1, 2, 3], 'kind': ['sky']}],
        [{'name': 'a', 'color_rgb': [1.9, 2, 3], 'kind': 'sky'}],
        [{'name': 'a', 'color_rgb': [True, 2, 3], 'kind': 'sky'}],
        [{'name': 'a', 'color_rgb': ['1', 2, 3], 'kind': 'sky'}],
    ],
)
def test_malformed_lists_are_refused_with_the_expected_form(items: list) -> None:
    with pytest.raises(BundleError, match='color_rgb'):
        Labels.from_list(items)


def test_no_class_and_256_classes_are_refused() -> None:
    for count in (0, 256):
        with pytest.raises(BundleError, match=f'got {count}'):
            Labels([LabelClass(str(i), (0, 0, 0), 'void') for i in range(count)])


def test_which_classes_are_of_a_kind():
    labels = Labels(
        [
            LabelClass('road', (1, 2, 3), 'ground'),
            LabelClass('wall', (4, 5, 6), 'upright'),
            LabelClass('path', (7, 8, 9), 'ground'),
        ]
    )
    table = labels.of_kind('ground')
    assert table.shape == (256,) and table.dtype == bool
    assert np.flatnonzero(table).tolist() == [0, 2]
