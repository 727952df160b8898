"""Paths as people write them, and files as they are written."""

from __future__ import annotations

import os
from pathlib import Path


def home_path(text: str | os.PathLike[str]) -> Path:
    """Return a path whose leading ``~`` or ``~user`` is that user's home folder.

    A shell does it at the start of a word only: not in quotes, in ``camvid:~/DIR``, or in a file.
    """
    # Path.expanduser raises where there is no such user; `~draft.png` is a file.
    return Path(os.path.expanduser(text))


def write_file(path: Path, content: bytes, meant: Path | None = None) -> None:
    """Write a file.

    :param meant: where it will be moved to, if not its place.
    :raises OSError: naming where it is meant to be; Python does not where a disk becomes full.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(meant or path)) from error
