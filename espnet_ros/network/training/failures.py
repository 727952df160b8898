"""What PyTorch raises in the midst of a training for reasons that are the user's to mend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.recipe import Recipe


@contextmanager
def lost_readers() -> Iterator[None]:
    """Turn what is raised, at any moment, for a lost process that makes views into an error.

    :raises ParameterError: that says what to do.
    """
    try:
        yield
    except RuntimeError as error:
        # Not what such a process raised itself, which is `Caught ... in DataLoader worker`.
        if not str(error).startswith('DataLoader worker (pid'):
            raise
        raise ParameterError(
            'a process that reads ahead was killed, as where memory runs out: expected more '
            'memory, a larger /dev/shm (--shm-size in Docker), or fewer --workers'
        ) from error


@contextmanager
def too_little_memory(recipe: Recipe) -> Iterator[None]:
    """Turn what is raised where a step needs more memory than there is into an error.

    :param recipe: for what makes a step large.
    :raises ParameterError: that says what to do.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        width, height = recipe.crop_wh
        raise ParameterError(
            f'memory is too small for a step of {recipe.batch} views of {width}x{height}: lower '
            f'--batch ({recipe.batch}) or --crop ({width}x{height})'
        ) from error


def _is_of_memory(error: Exception) -> bool:
    # Not only torch.OutOfMemoryError: cuDNN, cuBLAS and the allocator of processors say it, too,
    # and have no error of their own.
    words = "out of memory|ALLOC_FAILED|DefaultCPUAllocator: can't allocate memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None
