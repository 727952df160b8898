"""Paths as people write them, and files as they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

# Of a place where a file may be written, but none be put beside it or take its place: in a folder
# of somebody else, or mounted into a container alone.
_NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)


def home_path(text: str | os.PathLike[str]) -> Path:
    """Return a path whose leading ``~`` or ``~user`` is that user's home folder.

    A shell does it at the start of a word only: not in quotes, in ``camvid:~/DIR``, or in a file.
    """
    # Path.expanduser raises where there is no such user; `~draft.png` is a file.
    return Path(os.path.expanduser(text))


def write_file(path: Path, content: bytes, meant: Path | None = None) -> None:
    """Write a file: whole, or what was there stays as it was, for as long as it is a plain file.

    Links stay, and a file that is replaced keeps its permissions and its owner.

    :param meant: where it will be moved to, if not its place.
    :raises OSError: naming where it is meant to be; Python does not where a disk becomes full.
    """
    try:
        if meant is None:
            _put(path, content)
        else:
            path.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(meant or path)) from error


def _put(path: Path, content: bytes) -> None:
    if not _is_replaceable(path):
        path.write_bytes(content)
        return
    try:
        # Of a link it is the file that is replaced.
        _replace(Path(os.path.realpath(path)), content)
    except OSError as error:
        if error.errno not in _NOT_BESIDE:
            raise
        path.write_bytes(content)


def _is_replaceable(path: Path) -> bool:
    """Tell whether another file may take the place: not of a device, a pipe, one of two names."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return plain and os.access(path, os.W_OK) and not _is_printed_to(found)


def _is_printed_to(found: os.stat_result) -> bool:
    """Tell whether a file is where this process prints, as /dev/stdout may be one."""
    for descriptor in (1, 2):
        # A closed one is none.
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return True
    return False


def _replace(file: Path, content: bytes) -> None:
    partial = file.with_name(f'.{secrets.token_hex(4)}.partial')
    try:
        with partial.open('xb') as opened:
            if file.exists():
                owned = file.stat()
                os.chown(partial, owned.st_uid, owned.st_gid)
                # Before the content, whose time is to be the file's.
                shutil.copystat(file, partial)
            opened.write(content)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
