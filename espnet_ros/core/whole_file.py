"""Files that are there as a whole, or as they were before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file in one step; a link is written through, a device like /dev/stdout directly.

    :raises OSError: naming the file, which Python does not do where a disk is full.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, content: bytes | memoryview) -> None:
    # Beside the file, so that the renaming stays within one file system; each process its own.
    partial = path.with_name(f'.{path.name}-{os.getpid()}')
    try:
        with partial.open('wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
