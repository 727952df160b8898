"""Options that several verbs share; their defaults and descriptions are the node's."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

from espnet_ros.core.config import parameter_specs
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.input_size import LARGEST
from espnet_ros.core.paths import home_path

_MOST = 2**31 - 1
INFERENCE = ('model', 'backend', 'device', 'precision')


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Declare --model, --backend, --device and --precision."""
    for name in INFERENCE:
        _add_parameter(parser, name, str)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Declare --threads."""
    _add_parameter(parser, 'threads', not_negative)


def _add_parameter(
    parser: argparse.ArgumentParser, name: str, parse: Callable[[str], object]
) -> None:
    """Declare an option that is a parameter of the node."""
    spec = next(spec for spec in parameter_specs() if spec.name == name)
    text = f'{spec.description[0].lower()}{spec.description[1:].rstrip(".")}'
    choices = f'; one of {", ".join(spec.choices)}' if spec.choices else ''
    parser.add_argument(
        f'--{name}', type=parse, default=spec.default, help=f'{text}{choices} ({spec.default})'
    )


def path(text: str) -> Path:
    """Parse a path, in which a leading ``~`` is the home folder."""
    return home_path(text)


def output_file(text: str) -> Path:
    """Parse the path of a file to write and make its folder, before a long run can be in vain."""
    path = home_path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _try_to_write(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f'{path} cannot be written ({error.strerror}): expected the name of a file in a '
            'folder that you can write to'
        ) from error
    return path


def _try_to_write(path: Path) -> None:
    """Raise an OSError if a file can't be written; leave no trace of the attempt.

    It is opened, as permissions don't tell: root has all of them, and /proc takes no files.
    Processes of torchrun try the same file at the same time, so it may come and go meanwhile.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.is_file():
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    elif not path.exists():
        real = Path(os.path.realpath(path))
        with contextlib.suppress(FileExistsError):
            real.open('xb').close()
            real.unlink()
    # A pipe is not opened: once it is closed again, its reader sees the end.
    elif not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def output_picture(text: str) -> Path:
    """Parse the path of a PNG to write."""
    if Path(text).suffix.lower() != '.png':
        raise argparse.ArgumentTypeError(f'expected a name that ends in .png, got {text!r}')
    return output_file(text)


def output_folder(text: str) -> Path:
    """Parse the path of a folder to write into, which is made with its first file.

    If it were made here, a run whose input is refused would leave an empty folder.
    """
    path = home_path(text)
    try:
        there = _nearest(path)
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f'{path} cannot be written into ({error.strerror}): expected a folder that you can '
            'write to, or the name of a new one'
        ) from error
    return path


def check_output_folder(option: str, folder: Path) -> None:
    """Refuse a folder that can't be written into, where argparse is too early to do so.

    :param option: the option that names it, for the message.
    :raises ParameterError: as `output_folder` does.
    """
    try:
        output_folder(str(folder))
    except argparse.ArgumentTypeError as error:
        raise ParameterError(f'{option}: {error}') from error


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest of its parents that exists."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return _nearest(path.parent)
    return path


def positive(text: str) -> int:
    """Parse a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'expected a whole number, at least 1, got {text!r}')
    return int(text)


def not_negative(text: str) -> int:
    """Parse a whole number from 0 on, of 31 bits."""
    if not text.isdecimal() or int(text) > _MOST:
        raise argparse.ArgumentTypeError(f'expected a whole number, 0 to {_MOST}, got {text!r}')
    return int(text)


def number_within(low: float, high: float, form: str) -> Callable[[str], float]:
    """Return a parser of numbers from `low` to `high`.

    :param form: what is expected, with ``{}`` for the bounds, e.g. ``{} seconds``.
    """

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            if low <= float(text) <= high:  # False for NaN
                return float(text)
        expected = form.format(f'{low:g} to {high:g}')
        raise argparse.ArgumentTypeError(f'expected {expected}, got {text!r}')

    return parse


# Images a second.
rate = number_within(0.1, 1000.0, '{} images a second')


def size_wh(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT in pixels."""
    parts = text.lower().split('x')
    if len(parts) != 2 or not all(p.isdecimal() and 16 <= int(p) <= LARGEST for p in parts):
        raise argparse.ArgumentTypeError(
            f'expected WIDTHxHEIGHT such as 640x480, each 16 to {LARGEST}, got {text!r}'
        )
    return int(parts[0]), int(parts[1])
