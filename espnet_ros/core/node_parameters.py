"""Reads the node's parameters from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.known_parameters import OF_ROS, passed_over, unknown_names
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import ParameterFile, read_parameter_file


def read_parameters(file: Path, warn: Callable[[str], object] = print) -> dict[str, Any]:
    """Return what a ROS parameter file gives to the node `segmentation`, by dotted name.

    Sections for many nodes (``/**``) count as they do in ROS 2: of all that match, the last one
    wins. Unknown names in them may be of other nodes, so they are left out, as in the node.

    :param warn: called with a sentence for each name that is left out. An unknown name in the
        node's own section is returned, so that the config refuses it.
    :raises ParameterError: if it is not a parameter file, or has no parameters for the node, or
        has them for several nodes of its name.
    """
    parsed = read_parameter_file(file)
    sections = parsed.sections_for(_own_name(parsed))
    values = {name: v.value for section in sections for name, v in section.values.items()}
    _, passed = unknown_names(values, sections)
    for name in passed:
        warn(passed_over(name))
    values = {n: v for n, v in values.items() if n not in passed and not OF_ROS.fullmatch(n)}
    if not values:
        nodes = ', '.join(node.name for node in parsed.nodes())
        raise ParameterError(
            f'{file}: expected parameters of the node {NODE}, found only those of {nodes}'
        )
    return values


def _own_name(file: ParameterFile) -> str:
    """Return the name of the node in a file, or a pattern if only that can be meant for it."""
    nodes = file.nodes()
    names = [n.name for n in nodes if n.last_name == NODE and not n.is_pattern]
    # If the file leaves the namespace open, the node has none, as in the launch file.
    root = f'/{NODE}'
    if not names and not file.sections_for(root):
        names = [n.name for n in nodes if n.last_name == NODE or n.is_for_many]
    if len(names) > 1:
        raise ParameterError(
            f'{file.path}: expected parameters of one node {NODE}, found those of '
            f'{" and ".join(names)}: put each of them into a file of its own'
        )
    return names[0] if names else root
