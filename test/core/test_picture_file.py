from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.errors import DatasetError
from espnet_ros.core.picture_file import read_picture, write_picture


@pytest.mark.parametrize('shape', [(5, 7, 3), (5, 7)])
def test_what_is_written_is_read_again(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    write_picture(tmp_path / 'a.png', picture)
    expected = picture if len(shape) == 3 else np.repeat(picture[..., None], 3, axis=2)
    assert (read_picture(tmp_path / 'a.png') == expected).all()


def test_what_can_not_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        (tmp_path / 'notes.txt').touch()
        write_picture(tmp_path / 'notes.txt' / 'a.png', np.zeros((5, 7, 3), np.uint8))


def test_what_is_no_whole_picture_is_named(tmp_path: Path) -> None:
    content = cv2.imencode('.jpg', np.full((24, 40, 3), 90, np.uint8))[1].tobytes()
    cases = {
        'missing.png': (None, r'missing\.png can not be read \(No such file'),
        'empty.png': (b'', r'empty\.png is not a picture'),
        'text.png': (b'text', r'text\.png is not a picture'),
        'half.jpg': (content[: len(content) // 2], r'the end of .*half\.jpg is missing'),
    }
    for name, (data, words) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(DatasetError, match=words):
            read_picture(tmp_path / name)
