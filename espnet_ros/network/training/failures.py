"""Errors that PyTorch raises during training for reasons that the user can fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.recipe import Recipe


@contextmanager
def lost_readers() -> Iterator[None]:
    """Turn PyTorch's error for a lost process that makes views, raised at any moment, into ours.

    :raises ParameterError: it says what to do.
    """
    try:
        yield
    except RuntimeError as error:
        # An error inside such a process is different: `Caught ... in DataLoader worker`.
        if not str(error).startswith('DataLoader worker (pid'):
            raise
        raise ParameterError(
            'a process that reads ahead was killed, as happens when memory runs out: give it more '
            'memory or a larger /dev/shm (--shm-size in Docker), or lower --workers'
        ) from error


@contextmanager
def too_little_memory(recipe: Recipe) -> Iterator[None]:
    """Turn PyTorch's errors for a step that needs too much memory into ours.

    :param recipe: has the options that make a step large.
    :raises ParameterError: it says what to do.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        width, height = recipe.crop_wh
        raise ParameterError(
            f'too little memory for a step of {recipe.batch} views of {width}x{height}: lower '
            f'--batch ({recipe.batch}) or --crop ({width}x{height})'
        ) from error


def _is_of_memory(error: Exception) -> bool:
    # Not only torch.OutOfMemoryError: cuDNN, cuBLAS and the CPU allocator report it, too, but
    # have no error type of their own.
    words = "out of memory|ALLOC_FAILED|DefaultCPUAllocator: can't allocate memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None
