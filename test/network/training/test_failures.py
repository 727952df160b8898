from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.failures import lost_readers, too_little_memory
from espnet_ros.network.training.recipe import Recipe

# More than processors can address.
TOO_MUCH = 1 << 50


def a_gpu_has_none() -> None:
    raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')


def cudnn_has_none() -> None:
    raise RuntimeError('cuDNN error: CUDNN_STATUS_ALLOC_FAILED')


def numpy_has_none() -> None:
    raise MemoryError('Unable to allocate 1.00 PiB for an array')


@pytest.mark.parametrize(
    'ask', [lambda: torch.empty(TOO_MUCH), a_gpu_has_none, cudnn_has_none, numpy_has_none]
)
def test_a_step_that_is_too_large_comes_with_what_makes_it_smaller(ask) -> None:
    words = (
        r'^too little memory for a step of 6 views of 640x480: lower --batch \(6\) or --crop '
        r'\(640x480\)$'
    )
    with (
        pytest.raises(ParameterError, match=words),
        too_little_memory(Recipe(crop_wh=(640, 480), batch=6)),
        lost_readers(),
    ):
        ask()


def test_other_errors_are_kept() -> None:
    for error in (RuntimeError('of a view'), KeyError('memory')):
        with pytest.raises(type(error)) as caught, too_little_memory(Recipe()), lost_readers():
            raise error
        assert caught.value is error
