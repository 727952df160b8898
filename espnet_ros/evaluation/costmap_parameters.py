"""The node's parameters from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_ros.core.errors import ParameterError


def read_parameters(file: Path) -> dict[str, Any]:
    """Return the parameters of a ROS parameter file by dotted name, those of all its nodes.

    :raises ParameterError: if it is no such file.
    """
    try:
        text = file.read_text(encoding='utf-8')
        nodes = [node['ros__parameters'] for node in yaml.safe_load(text).values()]
        return {name: value for node in nodes for name, value in _flat('', node)}
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ParameterError(
            f'{file} is no ROS parameter file: expected "node: ros__parameters: name: value" '
            f'({type(error).__name__}: {error})'
        ) from error


def _flat(prefix: str, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    items: list[tuple[str, Any]] = []
    for name, value in values.items():
        more = _flat(f'{prefix}{name}.', value) if isinstance(value, dict) else None
        items += more if more is not None else [(f'{prefix}{name}', value)]
    return items
