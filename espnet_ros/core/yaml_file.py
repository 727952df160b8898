"""What may be wrong with a YAML file, as one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from espnet_ros.core.errors import EspnetRosError

# What PyYAML raises for values that are not what they look like or are said to be, as 2024-13-45,
# `!!int x`, `!!bool x`, `!!timestamp x` and `!!int ''`.
_OF_VALUES = (ValueError, KeyError, AttributeError, IndexError)


@contextmanager
def yaml_errors(path: Path, kind: type[EspnetRosError]) -> Iterator[None]:
    """Turn what is raised where PyYAML reads a file into one error that names file and line.

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
    except _OF_VALUES as error:
        raise kind(f'{path}: expected YAML, but a value can not be read: {error!r}') from error


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, 'problem_mark', None)
    words = getattr(error, 'problem', None) or ' '.join(str(error).split())
    return f'line {mark.line + 1}: {words}' if mark else words
