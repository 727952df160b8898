"""Find the traps for the node's outputs in a Nav2 parameter file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.names import NODE
from espnet_ros.core.parameter_file import NodeSection, ParameterFile, read_parameter_file
from espnet_ros.nav2 import (
    costmap_checks,
    file_checks,
    naming_checks,
    obstacle_checks,
    semantic_checks,
    server_checks,
    static_checks,
    voxel_checks,
)
from espnet_ros.nav2.context import Context, own_sections
from espnet_ros.nav2.costmaps import CostmapSection
from espnet_ros.nav2.notes import notes
from espnet_ros.nav2.own_checks import own_findings
from espnet_ros.nav2.plugins import OBSTACLE, SEMANTIC, STATIC, VOXEL
from espnet_ros.nav2.views import Finding, View, in_file, named

Check = Callable[[Any, Context], Iterator[Finding]]

# What is checked -> its checks; those of the node's own parameters are in `own_checks`.
# A check has the name of its function; the docstring gives the reason.
CHECKS: dict[str, tuple[Check, ...]] = {
    'any file': file_checks.FOR_ALL,
    'any costmap': costmap_checks.FOR_ALL,
    'file': (*file_checks.CHECKS, *server_checks.CHECKS),
    'costmap': (*naming_checks.CHECKS, *costmap_checks.CHECKS),
    STATIC: static_checks.CHECKS,
    OBSTACLE: obstacle_checks.CHECKS,
    VOXEL: (*obstacle_checks.CHECKS, *voxel_checks.CHECKS),
    SEMANTIC: semantic_checks.CHECKS,
}

# Nav2's own costmaps, which need not name their layers.
_COSTMAPS = ('/local_costmap/local_costmap', '/global_costmap/global_costmap')


@dataclass(frozen=True)
class Report:
    """What was found.

    :param findings: sorted by file and line.
    :param is_ours: whether the file uses any output of the node, or sets its parameters.
    :param notes: sentences on what could not be checked.
    """

    findings: tuple[Finding, ...]
    is_ours: bool
    notes: tuple[str, ...]


def check_file(
    path: Path, labels: Labels | None, model: str = 'the model', layers: Path | None = None
) -> Report:
    """Read a file and check it.

    :param path: Nav2's parameter file.
    :param labels: classes of the model that runs; None leaves class names unchecked.
    :param model: its name, for messages.
    :param layers: file with the parameters of the node ``segmentation``.
    :raises ParameterError: if a file is no parameter file, or `layers` has nothing for the node.
    :raises OSError: if one can't be opened.
    """
    file = read_parameter_file(path)
    own = [read_parameter_file(layers)] if layers else []
    return check_parsed(file, labels, model, *own)


def check_parsed(
    file: ParameterFile, labels: Labels | None, model: str, *parameters: ParameterFile
) -> Report:
    """Check a file that has already been read, as `check_file` does.

    :param parameters: files for the node ``segmentation``, in the order in which launch passes
        them.
    :raises ParameterError: if one of these has nothing for the node.
    """
    files = [file, *parameters]
    own = [own_sections(each.nodes()) for each in files]
    for given, sections in zip(parameters, own[1:], strict=True):
        if not sections:
            raise ParameterError(
                f'{given.path}: expected parameters of the node {NODE}, found none'
            )
    everywhere = tuple(view for views in own for view in views)
    context = Context(labels, model, everywhere, tuple(file.nodes()))
    is_ours = bool(own[0]) or _names_node(file)
    every = [CostmapSection(node) for node in _costmaps(file)]
    costmaps = [costmap for costmap in every if costmap.node_topics]
    found = [f for each in files for f in in_file(each.path, _run('any file', each, context))]
    for costmap in every:
        found += in_file(file.path, _run('any costmap', costmap, context))
    if is_ours:
        found += in_file(file.path, _findings(file, costmaps, context))
    found += own_findings(files, labels)
    ordered = sorted(
        dict.fromkeys(found), key=lambda f: (f.file != str(file.path), f.line, f.check)
    )
    return Report(tuple(ordered), is_ours, tuple(notes(file, costmaps, context)))


def own_model(files: Iterable[ParameterFile]) -> str | None:
    """Return the node's parameter ``model``, None if no file sets it."""
    values = [view.value('model') for file in files for view in own_sections(file.nodes())]
    # `own_checks` reports a value that is not a string.
    given = [value for value in values if isinstance(value, str)]
    return given[-1] if given else None


def _findings(
    file: ParameterFile, costmaps: list[CostmapSection], context: Context
) -> Iterator[Finding]:
    yield from _run('file', file, context)
    for costmap in costmaps:
        yield from _run('costmap', costmap, context)
        for layer in costmap.ours:
            yield from _run(layer.kind, layer, context)


def _run(kind: str, item: Any, context: Context) -> Iterator[Finding]:
    for check in CHECKS.get(kind, ()):
        yield from named(check.__name__, check(item, context))


def _costmaps(file: ParameterFile) -> list[NodeSection]:
    """Return the nodes with layers; a pattern counts only if no node that it covers has any."""
    nodes = file.nodes()
    # What a pattern gives to every node does not make each of them a costmap.
    found = [n for n in nodes if not n.is_pattern and _is_costmap(n, file.own_names(n))]
    patterns = [n for n in nodes if n.is_pattern and _is_costmap(n, set(n.values))]
    return [*found, *(p for p in patterns if not any(p.covers(n) for n in found))]


def _is_costmap(node: NodeSection, own_names: set[str]) -> bool:
    plain = ('plugins', 'rolling_window', 'global_frame', 'trinary_costmap', 'update_frequency')
    has_layers = any(name == 'plugins' or name.endswith('.plugin') for name in node.values)
    says_so = has_layers and any(n in plain or n.endswith('.plugin') for n in own_names)
    return says_so or (node.name.endswith(_COSTMAPS) and bool(own_names))


def _names_node(file: ParameterFile) -> bool:
    views = map(View, file.nodes())
    return any(server_checks.manages(view) or view.node_topics for view in views)
