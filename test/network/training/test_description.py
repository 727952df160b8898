"""data.yaml files, right and wrong, with the smallest datasets that they describe."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import CAMVID, CITYSCAPES
from espnet_ros.network.training.datasets import load_dataset

CLASSES = [
    {'name': 'path', 'color_rgb': [200, 10, 30], 'kind': 'ground'},
    {'name': 'rest', 'color_rgb': [0, 255, 1], 'kind': 'upright'},
]
VOID = {'name': 'none', 'color_rgb': [0, 0, 0], 'kind': 'void'}
SPLITS = {
    'train': {'images': 'photos', 'labels': 'labels'},
    'val': {'images': 'empty', 'labels': 'labels'},
}


def describe(folder: Path, **data: Any) -> str:
    (folder / 'data.yaml').write_text(yaml.safe_dump(data))
    return str(folder / 'data.yaml')


def draw(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def image(height: int = 5, width: int = 7) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def test_folders_with_colours(tmp_path: Path) -> None:
    label = np.zeros((5, 7, 3), np.uint8)
    label[:2] = CLASSES[0]['color_rgb'][::-1]
    label[2] = CLASSES[1]['color_rgb'][::-1]
    label[3] = (30, 20, 10)
    draw(tmp_path / 'photos' / 'a.jpg', image())
    draw(tmp_path / 'labels' / 'a_mask.png', label)
    classes = [CLASSES[0], {**CLASSES[1], 'colors': [[0, 255, 1], [10, 20, 30]]}]
    spec = describe(
        tmp_path, layout='folders', splits=SPLITS, label_suffix='_mask', labels='colors',
        classes=classes, void=[[0, 0, 0]],
    )  # fmt: skip
    dataset = load_dataset(spec, 'train')
    assert dataset.labels.names == ('path', 'rest')
    assert dataset.labels[0].kind == 'ground'
    (sample,) = dataset.samples
    assert sample.name == 'a.jpg'
    assert sample.truth[:, 3].tolist() == [0, 0, 1, 1, 255]


def test_folders_with_ids_of_their_own(tmp_path: Path) -> None:
    draw(tmp_path / 'photos' / 'a.png', image())
    draw(tmp_path / 'labels' / 'a.png', np.repeat(np.uint8([[3, 7, 8, 0, 255]]).T, 7, 1))
    classes = [{**CLASSES[0], 'ids': [3]}, {**CLASSES[1], 'ids': [7, 8]}]
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=classes, void=[0])
    (sample,) = load_dataset(spec, 'train').samples
    assert sample.truth[:, 0].tolist() == [0, 1, 1, 255, 255]


def test_cityscapes_ids_become_train_ids(tmp_path: Path) -> None:
    name = 'ulm_000000_000019'
    # road, bicycle, ego vehicle, licence plate (-1), parking
    ids = np.repeat(np.uint8([[7, 33, 1, 255, 9]]).T, 7, 1)
    draw(tmp_path / 'leftImg8bit/train/ulm' / f'{name}_leftImg8bit.png', image())
    draw(tmp_path / 'gtFine/train/ulm' / f'{name}_gtFine_labelIds.png', ids)
    dataset = load_dataset(describe(tmp_path, layout='cityscapes', root='.'), 'train')
    assert dataset.labels == CITYSCAPES
    assert dataset.samples[0].truth[:, 0].tolist() == [0, 18, 255, 255, 255]
    with pytest.raises(DatasetError, match='expected the layout of Cityscapes'):
        load_dataset(describe(tmp_path, layout='cityscapes'), 'val')


def test_camvid_layout_under_another_root_and_size(tmp_path: Path) -> None:
    for name, height in (('a', 32), ('b', 16)):
        draw(tmp_path / 'c/train' / f'{name}.png', image(height, 24))
        halves = np.where(np.arange(24) < 11, 0, 10).astype(np.uint8)[None].repeat(height, 0)
        draw(tmp_path / 'c/trainannot' / f'{name}.png', halves)
    spec = describe(tmp_path, layout='camvid', root='c', size_wh=[16, 8])
    dataset = load_dataset(spec, 'train')
    assert dataset.labels == CAMVID
    for sample in dataset.samples:
        assert sample.image.shape == (8, 16, 3)
        # Column 7 is at 11.25 of 24; a class between 0 and 10 is in no label.
        assert sample.truth.tolist() == [[0] * 7 + [10] * 9] * 8


def test_images_of_several_sizes_are_refused_without_a_size(tmp_path: Path) -> None:
    for name, height in (('a', 5), ('b', 5), ('odd', 6)):
        draw(tmp_path / 'train' / f'{name}.png', image(height))
        draw(tmp_path / 'trainannot' / f'{name}.png', np.zeros((height, 7), np.uint8))
    with pytest.raises(DatasetError) as error:
        load_dataset(f'camvid:{tmp_path}', 'train')
    odd = tmp_path / 'train' / 'odd.png'
    assert f'{odd}: 7x6, most images are 7x5' in str(error.value)
    assert 'size_wh' in str(error.value) and 'a.png' not in str(error.value)


def test_a_folder_that_is_not_there_is_told_from_an_empty_one(tmp_path: Path) -> None:
    for name in ('train', 'trainannot', 'empty'):
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetError, match=r'no folder tset \(only empty, train, trainannot\)'):
        load_dataset(f'camvid:{tmp_path}', 'tset')
    with pytest.raises(DatasetError, match=r'nowhere, which does not exist'):
        load_dataset(f'camvid:{tmp_path}/nowhere', 'val')
    with pytest.raises(DatasetError, match=r'no \*\.png in .*empty'):
        load_dataset(f'camvid:{tmp_path}', 'empty')


def test_a_missing_label_and_an_empty_split_are_named(tmp_path: Path) -> None:
    draw(tmp_path / 'photos' / 'a.png', image())
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=CLASSES)
    with pytest.raises(DatasetError, match=r'the label folder .*labels is missing$'):
        load_dataset(spec, 'train')
    (tmp_path / 'labels').mkdir()
    with pytest.raises(DatasetError, match=r'photos/a\.png: its label .*labels/a\.png is missing'):
        load_dataset(spec, 'train')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match=r'no images .* in .*empty'):
        load_dataset(spec, 'val')
    with pytest.raises(DatasetError, match="no split 'test', only train, val"):
        load_dataset(spec, 'test')


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    draw(tmp_path / 'c/train/a.png', image())
    draw(tmp_path / 'c/trainannot/a.png', np.zeros((5, 7), np.uint8))
    (tmp_path / 'elsewhere').mkdir()
    describe(tmp_path / 'elsewhere', layout='camvid', root='~/c')
    for spec in ('camvid:~/c', '~/elsewhere/data.yaml'):
        assert len(load_dataset(spec, 'train').samples) == 1
    splits = {'train': {'images': '~/c/train', 'labels': '~/c/trainannot'}}
    describe(tmp_path / 'elsewhere', layout='folders', splits=splits, classes=CLASSES)
    assert len(load_dataset('~/elsewhere/data.yaml', 'train').samples) == 1


def test_names_of_labels_may_be_in_another_case(tmp_path: Path) -> None:
    draw(tmp_path / 'photos/000.JPG', image())
    draw(tmp_path / 'labels/000.PNG', np.ones((5, 7), np.uint8))
    # Both have a label of their own.
    for name, value in (('a', 0), ('A', 1)):
        draw(tmp_path / f'photos/{name}.png', image())
        draw(tmp_path / f'labels/{name}.png', np.full((5, 7), value, np.uint8))
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=CLASSES)
    found = {s.name: int(s.truth[0, 0]) for s in load_dataset(spec, 'train').samples}
    assert found == {'000.JPG': 1, 'a.png': 0, 'A.png': 1}


def test_images_and_labels_in_one_folder(tmp_path: Path) -> None:
    draw(tmp_path / 'all/a.png', image())
    draw(tmp_path / 'all/a_mask.png', np.ones((5, 7), np.uint8))
    data = {'layout': 'folders', 'splits': {'train': {'images': 'all', 'labels': 'all'}}}
    spec = describe(tmp_path, **data, classes=CLASSES, label_suffix='_mask')
    (sample,) = load_dataset(spec, 'train').samples
    assert sample.name == 'a.png' and sample.truth.tolist() == [[1] * 7] * 5
    spec = describe(tmp_path, **data, classes=CLASSES)
    with pytest.raises(DatasetError, match=r'in one folder, .*all: expected a `label_suffix`'):
        load_dataset(spec, 'train')


def test_a_jpeg_is_no_label(tmp_path: Path) -> None:
    draw(tmp_path / 'photos/a.jpg', image())
    draw(tmp_path / 'labels/a.jpg', np.zeros((5, 7), np.uint8))
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=CLASSES)
    with pytest.raises(DatasetError, match=r'labels/a\.jpg: a JPEG cannot be a label'):
        load_dataset(spec, 'train')


def test_pictures_in_subfolders_are_not_left_out_in_silence(tmp_path: Path) -> None:
    draw(tmp_path / 'photos/a.png', image())
    draw(tmp_path / 'photos/.thumbnails/a.png', image())
    draw(tmp_path / 'photos/labels/a.png', np.zeros((5, 7), np.uint8))
    splits = {'train': {'images': 'photos', 'labels': 'photos/labels'}}
    spec = describe(tmp_path, layout='folders', splits=splits, classes=CLASSES)
    assert len(load_dataset(spec, 'train').samples) == 1
    # Neither is one of other pictures, and the second has no end.
    (tmp_path / 'photos/labels_too').symlink_to(tmp_path / 'photos/labels')
    (tmp_path / 'photos/up').symlink_to(tmp_path)
    assert len(load_dataset(spec, 'train').samples) == 1
    draw(tmp_path / 'photos/day/2/b.png', image())
    draw(tmp_path / 'night/c.png', image())
    (tmp_path / 'photos/night').symlink_to(tmp_path / 'night')
    (tmp_path / 'night/again').symlink_to(tmp_path / 'night')
    left_out = r'left out: 1 in .*photos/day/2, 1 in .*photos/night; move'
    with pytest.raises(DatasetError, match=left_out):
        load_dataset(spec, 'train')


def test_images_that_share_a_label_are_refused(tmp_path: Path) -> None:
    for name in ('1.bmp', '1.png', 'A.png', 'a.png', 'b.png'):
        draw(tmp_path / 'photos' / name, image())
    for name in ('1', 'a', 'b'):
        draw(tmp_path / f'labels/{name}.png', np.zeros((5, 7), np.uint8))
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=CLASSES)
    with pytest.raises(DatasetError) as error:
        load_dataset(spec, 'train')
    assert f'1.bmp and 1.png have {tmp_path}/labels/1.png; A.png and a.png' in str(error.value)
    assert 'b.png' not in str(error.value)


def test_a_folder_that_can_not_be_read_is_not_called_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'photos').mkdir()

    def refuse(folder: Path) -> None:
        # Root, who may run the tests, is refused nothing.
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr('os.listdir', refuse)
    spec = describe(tmp_path, layout='folders', splits=SPLITS, classes=CLASSES)
    with pytest.raises(DatasetError, match=r'photos cannot be read \(Permission denied\)'):
        load_dataset(spec, 'train')


GOOD: dict[str, Any] = {'layout': 'folders', 'splits': SPLITS, 'classes': CLASSES}


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        ({'layout': 'voc'}, "one of camvid, cityscapes, folders, got 'voc'"),
        ({'layout': ['folders']}, "got ['folders']"),
        ({'layout': 'folders'}, 'classes is missing; splits is missing'),
        ({**GOOD, 'spilts': 1}, "unknown key 'spilts', expected layout, root, size_wh, classes"),
        ({**GOOD, 'size_wh': [30, 40]}, 'multiples of 8 up to 8192, got [30, 40]'),
        ({**GOOD, 'size_wh': [80000, 8]}, 'got [80000, 8]'),
        ({**GOOD, 'splits': {'train': 'a'}}, "got {'train': 'a'}"),
        ({**GOOD, 'splits': {'train': {'images': 1, 'labels': 'a'}}}, "{'images': 1,"),
        ({**GOOD, 'splits': {2: {'images': 'a', 'labels': 'a'}}}, 'got {2: {'),
        ({**GOOD, 'labels': 'rgb'}, "labels must be ids or colors, got 'rgb'"),
        ({**GOOD, 'classes': ['path']}, 'must be a list of {name, color_rgb'),
        (
            {**GOOD, 'classes': [{'name': 'path'}]},
            'class 0 (path) lacks color_rgb, kind: each has a name, color_rgb: [r, g, b] and a '
            'kind, which is ground, upright or sky',
        ),
        ({**GOOD, 'classes': CLASSES[:1] * 2}, "'path' is used 2 times"),
        ({**GOOD, 'void': [1]}, "'rest': 1 is used twice"),
        ({**GOOD, 'void': [256]}, '`void`: 256 is not valid with `labels: ids`'),
        ({**GOOD, 'labels': 'colors', 'void': [[0, 0]]}, '`void`: [0, 0] is not valid with `lab'),
        ({**GOOD, 'classes': [{**CLASSES[0], 'id': 3}]}, "'path' has the unknown key 'id'"),
        ({**GOOD, 'root': None}, 'root must be text, got None'),
        ({**GOOD, 'label_suffix': ['x']}, "label_suffix must be text, got ['x']"),
        ({**GOOD, 'classes': [CLASSES[0], {'kind': 'sky'}]}, 'class 1 lacks name, color_rgb'),
        ({**GOOD, 'classes': [*CLASSES, VOID]}, "'none': a class of kind void cannot be "),
        ({'layout': 'camvid', 'classes': [VOID]}, "'none': a class of kind void cannot be "),
        ({'layout': 'camvid', 'labels': 'colors'}, '(it is a key of `layout: folders`)'),
        ({'layout': 'camvid', 'classes': [{**CLASSES[0], 'ids': [4]}]}, 'use layout folders'),
    ],
)
def test_what_does_not_fit_is_said(data: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as error:
        load_dataset(describe(tmp_path, **data), 'train')
    assert 'data.yaml' in str(error.value) and words in str(error.value)


def test_a_file_that_is_no_yaml_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r'gone\.yaml cannot be read: No such file'):
        load_dataset(str(tmp_path / 'gone.yaml'), 'train')
    (tmp_path / 'data.yaml').write_text('layout: [')
    with pytest.raises(DatasetError, match=r'data\.yaml: expected YAML, but line 1: '):
        load_dataset(str(tmp_path / 'data.yaml'), 'train')
    (tmp_path / 'data.yaml').write_text('')
    with pytest.raises(DatasetError, match='got None'):
        load_dataset(str(tmp_path / 'data.yaml'), 'train')
