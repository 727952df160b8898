from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import CAMVID
from espnet_ros.network.training.datasets import (
    Sample,
    channel_statistics,
    check_labelled,
    class_frequencies,
    load_dataset,
)


def write(folder: Path, name: str, truth: np.ndarray | None, shape: tuple = (4, 6)) -> None:
    for part in ('train', 'trainannot'):
        (folder / part).mkdir(exist_ok=True)
    cv2.imwrite(str(folder / 'train' / name), np.full((*shape, 3), 7, np.uint8))
    if truth is not None:
        cv2.imwrite(str(folder / 'trainannot' / name), truth)


def test_camvid_void_becomes_unlabeled(tmp_path: Path) -> None:
    truth = np.zeros((4, 6), np.uint8)
    truth[1, 2], truth[3, 5] = 11, 10
    write(tmp_path, 'a.png', truth)
    dataset = load_dataset(f'camvid:{tmp_path}', 'train')
    assert dataset.labels == CAMVID
    (sample,) = dataset.samples
    assert sample.image.shape == (4, 6, 3)
    assert (sample.truth[1, 2], sample.truth[3, 5], sample.truth[0, 0]) == (255, 10, 0)


def test_every_bad_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, 'good.png', np.zeros((4, 6), np.uint8))
    write(tmp_path, 'missing.png', None)
    write(tmp_path, 'range.png', np.full((4, 6), 12, np.uint8))
    write(tmp_path, 'size.png', np.zeros((6, 4), np.uint8))
    write(tmp_path, 'rgb.png', np.zeros((4, 6, 3), np.uint8))
    (tmp_path / 'train' / 'broken.png').write_bytes(b'no picture')
    with pytest.raises(DatasetError) as error:
        load_dataset(f'camvid:{tmp_path}', 'train')
    message = str(error.value)
    for part in ('missing.png', 'range.png', '[12]', 'size.png', 'rgb.png', 'broken.png'):
        assert part in message
    assert 'good.png' not in message
    assert 'label is 4x6, image is 6x4' in message


def test_every_cut_off_image_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / 'data.yaml').write_text(
        'layout: folders\nclasses: [{name: Way, color_rgb: [1, 2, 3], kind: ground}]\n'
        'splits: {train: {images: pictures, labels: labels}}\n'
    )
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    whole = cv2.imencode('.jpg', pixels)[1].tobytes()
    for folder in ('pictures', 'labels'):
        (tmp_path / folder).mkdir()
    for name, content in (
        ('cut', whole[: len(whole) // 2]), ('torn', whole[:-1]), ('good', whole + b'behind'),
    ):  # fmt: skip
        (tmp_path / 'pictures' / f'{name}.jpg').write_bytes(content)
        cv2.imwrite(str(tmp_path / 'labels' / f'{name}.png'), np.zeros((24, 40), np.uint8))
    with pytest.raises(DatasetError) as error:
        load_dataset(str(tmp_path / 'data.yaml'), 'train')
    _, *lines = str(error.value).splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ('cut', 'torn'), strict=True):
        assert f'the end of {tmp_path / "pictures" / name}.jpg is missing' in line


def test_a_picture_is_learned_as_it_is_stored_and_told_of(tmp_path: Path) -> None:
    (tmp_path / 'data.yaml').write_text(
        'layout: folders\nclasses: [{name: Way, color_rgb: [1, 2, 3], kind: ground}]\n'
        'splits: {train: {images: pictures, labels: labels}}\n'
    )
    for folder in ('pictures', 'labels'):
        (tmp_path / folder).mkdir()
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:, 20:] = 200
    content = cv2.imencode('.jpg', pixels)[1].tobytes()
    # Exif: little endian, one entry, orientation (0x112) is the short 6, a quarter turn.
    exif = b'\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0' + bytes(6)
    (tmp_path / 'pictures' / 'phone.jpg').write_bytes(content[:2] + exif + content[2:])
    (tmp_path / 'pictures' / 'robot.jpg').write_bytes(content)
    for name in ('phone', 'robot'):
        cv2.imwrite(str(tmp_path / 'labels' / f'{name}.png'), np.zeros((24, 40), np.uint8))
    dataset = load_dataset(str(tmp_path / 'data.yaml'), 'train')
    phone, robot = dataset.samples
    np.testing.assert_array_equal(phone.image, robot.image)
    assert dataset.note.startswith('1 of 2 pictures of data.yaml train have an EXIF orientation')
    assert 'phone.jpg, which is ignored here' in dataset.note
    # Labelled as it is shown.
    cv2.imwrite(str(tmp_path / 'labels' / 'phone.png'), np.zeros((40, 24), np.uint8))
    with pytest.raises(DatasetError, match='label is 24x40, image is 40x24, with an EXIF orient'):
        load_dataset(str(tmp_path / 'data.yaml'), 'train')


def test_empty_split_and_unknown_specs_are_refused(tmp_path: Path) -> None:
    (tmp_path / 'train').mkdir()
    with pytest.raises(DatasetError, match=r'no \*\.png'):
        load_dataset(f'camvid:{tmp_path}', 'train')
    for spec in ('street:0', 'street:x', 'street:²', 'cityscapes:/x', 'camvid:'):
        with pytest.raises(DatasetError, match=r'camvid:DIR, street:COUNT or'):
            load_dataset(spec, 'train')


def test_a_folder_with_a_data_yaml_in_it_is_told_so(tmp_path: Path) -> None:
    (tmp_path / 'data.yaml').write_text('layout: folders')
    with pytest.raises(DatasetError, match=r'is a folder: name its data\.yaml, .*/data\.yaml'):
        load_dataset(str(tmp_path), 'train')


def test_splits_of_the_street_are_of_different_streets() -> None:
    names = [load_dataset('street:1', s).samples[0].name for s in ('train', 'val', 'test')]
    assert len(set(names)) == 3
    with pytest.raises(DatasetError, match="train, val or test, got 'all'"):
        load_dataset('street:1', 'all')
    with pytest.raises(DatasetError, match='4000 images in each split, got 4001'):
        load_dataset('street:4001', 'train')


def test_statistics_and_frequencies_by_hand() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = [4, 8, 200]
    samples = [
        Sample('a', image, np.array([[0, 0, 255], [1, 255, 255]], np.uint8)),
        Sample('b', np.zeros((1, 4, 3), np.uint8), np.array([[2, 2, 2, 255]], np.uint8)),
    ]
    mean, std = channel_statistics(samples, [1, 1])
    # One of ten pixels: a tenth of it, and sqrt(0.1 * 0.9) of it.
    assert mean == [0.4, 0.8, 20.0]
    assert std == pytest.approx([1.2, 2.4, 60.0])
    frequencies = class_frequencies(samples, [1, 1], 4)
    np.testing.assert_allclose(frequencies, [2 / 6, 1 / 6, 3 / 6, 0])
    # One of 6 + 3.5 * 4 pixels, and the classes of 3 + 3.5 * 3.
    mean, std = channel_statistics(samples, [1, 3.5])
    assert mean == [0.2, 0.4, 10.0]
    # The first is 0.87, less than a level.
    assert std == pytest.approx([1.0, 1.7436, 43.589], abs=1e-4)
    frequencies = class_frequencies(samples, [1, 3.5], 4)
    np.testing.assert_allclose(frequencies, [2 / 13.5, 1 / 13.5, 10.5 / 13.5, 0])
    void = Sample('void.png', image, np.full((2, 3), 255, np.uint8))
    with pytest.raises(DatasetError, match=r'no image of d val .*\(2 looked at, e\.g\. void\.png'):
        check_labelled([void, void], 'd val')
    with pytest.raises(DatasetError, match='no image of the training data'):
        class_frequencies([void, void], [1, 1], 4)
    check_labelled([void, *samples], 'd val')


def test_a_channel_that_is_the_same_everywhere_teaches_nothing() -> None:
    image = np.zeros((50, 61, 3), np.uint8)
    # A value whose variance the rounding makes negative.
    image[..., 0], image[::2, :, 1] = 77, 100
    images = [image, image.copy(), image.copy()]
    samples = [Sample(str(i), image, image[..., 0]) for i, image in enumerate(images)]
    mean, std = channel_statistics(samples, [1, 1, 1])
    assert mean == [77.0, 50.0, 0.0] and std == [1.0, 50.0, 1.0]
    for image in images:
        image[..., 1] = 3
    with pytest.raises(DatasetError, match=r'all pixels of the 3 .* have one colour, .* e\.g\. 0'):
        channel_statistics(samples, [1, 1, 1])


def test_of_many_bad_files_the_first_are_named(tmp_path: Path) -> None:
    for index in range(13):
        write(tmp_path, f'{index:02}.png', np.full((4, 6), 12, np.uint8))
    with pytest.raises(DatasetError) as error:
        load_dataset(f'camvid:{tmp_path}', 'train')
    _, *lines = str(error.value).splitlines()
    assert len(lines) == 11 and '09.png' in lines[9] and lines[10] == '  and 3 more'
