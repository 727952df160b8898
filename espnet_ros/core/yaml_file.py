"""Turns everything that may be wrong with a YAML file into one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from espnet_ros.core.errors import EspnetRosError

# What PyYAML raises for values that do not match their form or their tag, e.g. 2024-13-45,
# `!!int x`, `!!bool x`, `!!timestamp x`, `!!int ''` and "\UFFFFFFFF".
_OF_VALUES = (ValueError, KeyError, AttributeError, IndexError, OverflowError)


@contextmanager
def syntax_errors(path: Path, kind: type[EspnetRosError]) -> Iterator[None]:
    """Turn all errors from reading a YAML file into one kind that names file and line.

    :raises EspnetRosError: of that kind.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise kind(f'{path}: expected text in UTF-8, but {error}') from error
    except RecursionError as error:
        raise kind(f'{path}: expected YAML, but it is nested too deeply') from error
    except yaml.YAMLError as error:
        raise kind(f'{path}: expected YAML, but {_one_line(error)}') from error


@contextmanager
def value_errors(line: int | None = None) -> Iterator[None]:
    """Turn what PyYAML raises for a value that can't be read into a YAMLError.

    Put only calls into PyYAML in this context: in our own code, these errors are our bugs.

    :param line: of the value, if known.
    :raises yaml.YAMLError: naming the line.
    """
    try:
        yield
    except _OF_VALUES as error:
        place = '' if line is None else f'line {line}: '
        raise yaml.YAMLError(f'{place}a value cannot be read: {error!r}') from error


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, 'problem_mark', None)
    words = getattr(error, 'problem', None) or ' '.join(str(error).split())
    return f'line {mark.line + 1}: {words}' if mark else words
