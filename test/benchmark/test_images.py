from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.benchmark.images import decode, find_images, load_images, save_images
from espnet_ros.core.errors import DatasetError


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        cv2.imwrite(str(folder / f'{index:02d}.png'), np.full((24, 40, 3), index, np.uint8))
    (folder / 'notes.txt').write_text('no picture')
    return folder


def test_raw_images_come_back_as_they_were(tmp_path: Path):
    images = find_images(write_pictures(tmp_path / 'in', 3), None)
    (tmp_path / 'out').mkdir()
    save_images(images, tmp_path / 'out', 'raw')
    loaded = [decode(data) for data in load_images(tmp_path / 'out')]
    assert [image.shape for image in loaded] == [(24, 40, 3)] * 3
    assert [int(image.min()) for image in loaded] == [0, 1, 2]


def test_jpeg_is_decoded_when_it_is_asked_for(tmp_path: Path):
    images = find_images(write_pictures(tmp_path / 'in', 1), (80, 32))
    (tmp_path / 'out').mkdir()
    save_images(images, tmp_path / 'out', 'jpeg')
    (data,) = load_images(tmp_path / 'out')
    assert bytes(data[:2]) == b'\xff\xd8'
    assert decode(data).shape == (32, 80, 3)


def test_a_large_folder_is_sampled_evenly(tmp_path: Path):
    images = find_images(write_pictures(tmp_path / 'in', 11), None, 3)
    assert images.names == ('00.png', '05.png', '10.png')
    assert [int(image.max()) for image in images] == [0, 5, 10]


def test_no_two_views_of_the_street_are_the_same():
    street = find_images(None, (80, 48))
    views = list(street)
    assert len(views) == len(street) == len(street.names)
    assert all(image.shape == (48, 80, 3) for image in views)
    assert len({image.tobytes() for image in views}) == len(views)


def test_half_a_jpeg_is_named(tmp_path: Path):
    content = cv2.imencode('.jpg', np.full((24, 40, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / 'a.jpg').write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r'the end of .*a\.jpg is missing'):
        list(find_images(tmp_path, None))


def test_a_file_that_is_named_as_a_picture_is_not_left_out(tmp_path: Path):
    write_pictures(tmp_path, 2)
    (tmp_path / 'empty.png').write_bytes(b'')
    with pytest.raises(DatasetError, match=r'empty\.png is not a picture'):
        list(find_images(tmp_path, None))


def test_folders_without_pictures_are_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match='no pictures'):
        find_images(tmp_path, None)
    (tmp_path / 'cut.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    with pytest.raises(DatasetError, match=r'cut\.png is not a picture'):
        list(find_images(tmp_path, None))
    with pytest.raises(DatasetError, match='no folder'):
        find_images(tmp_path / 'missing', None)
