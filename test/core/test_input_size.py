"""The sizes that a network of three halvings takes, by hand."""

from __future__ import annotations

import pytest

from espnet_ros.core.errors import BackendError
from espnet_ros.core.input_size import check_size_wh, is_size_wh, nearest_sizes_wh


@pytest.mark.parametrize('size', [(8, 8), [480, 360], (8192, 16)])
def test_multiples_of_8_up_to_8192_are_sizes(size):
    assert is_size_wh(size)


@pytest.mark.parametrize(
    'size',
    [
        (0, 8), (-8, 8), (8200, 8), (8, 12), (8,), (8, 8, 8), (8.0, 8), (True, 8), ('8', 8),
        '88', 8, None,
    ],
)  # fmt: skip
def test_all_else_is_none(size):
    assert not is_size_wh(size)


@pytest.mark.parametrize(
    ('size', 'nearest'),
    [
        ((480, 360), [(480, 360)]),
        ((480, 361), [(480, 360), (480, 368)]),
        ((1, 16), [(8, 16)]),
        ((487, 362), [(480, 360), (488, 360), (480, 368), (488, 368)]),
    ],
)
def test_nearest_sizes(size, nearest):
    assert nearest_sizes_wh(size) == nearest


def test_a_size_is_refused_with_the_nearest_ones():
    check_size_wh((480, 360))
    with pytest.raises(BackendError, match='480x361 is not: nearest are 480x360, 480x368'):
        check_size_wh((480, 361))
    with pytest.raises(BackendError, match='1x16 is not: nearest is 8x16'):
        check_size_wh((1, 16))
