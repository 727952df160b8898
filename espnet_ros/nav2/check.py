"""Every trap in a Nav2 parameter file that the outputs of the node would fall into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.labels import Labels
from espnet_ros.core.parameter_file import NODE, Node, ParameterFile, read_parameter_file
from espnet_ros.nav2 import (
    costmap_checks,
    file_checks,
    naming_checks,
    obstacle_checks,
    semantic_checks,
    server_checks,
    static_checks,
)
from espnet_ros.nav2.context import Context, own_sections
from espnet_ros.nav2.costmaps import Costmap
from espnet_ros.nav2.notes import notes
from espnet_ros.nav2.plugins import OBSTACLE, SEMANTIC, STATIC, VOXEL
from espnet_ros.nav2.views import Finding, View

Check = Callable[[Any, Context], Iterator[Finding]]

# What is looked at -> its checks. A check's name is its function's, its reason the docstring.
CHECKS: dict[str, tuple[Check, ...]] = {
    'any file': file_checks.FOR_ALL,
    'any costmap': costmap_checks.FOR_ALL,
    'file': (*file_checks.CHECKS, *server_checks.CHECKS),
    'costmap': (*naming_checks.CHECKS, *costmap_checks.CHECKS),
    STATIC: static_checks.CHECKS,
    OBSTACLE: obstacle_checks.CHECKS,
    VOXEL: obstacle_checks.CHECKS,
    SEMANTIC: semantic_checks.CHECKS,
}


# Those of Nav2 itself, which need not name their layers.
_COSTMAPS = ('/local_costmap/local_costmap', '/global_costmap/global_costmap')


@dataclass(frozen=True)
class Report:
    """What was found.

    :param findings: by file and line.
    :param is_ours: whether the file takes anything of the node, or sets it up.
    :param notes: what could not be checked, in sentences.
    """

    findings: tuple[Finding, ...]
    is_ours: bool
    notes: tuple[str, ...]


def check_file(
    path: Path, labels: Labels | None, model: str = 'the model', layers: Path | None = None
) -> Report:
    """Check a file.

    :param path: with the parameters of Nav2.
    :param labels: classes of the model that runs, None to leave class names unchecked.
    :param model: its name, for sentences.
    :param layers: file with the parameters of the node ``segmentation``.
    :raises ParameterError: if a file is no parameter file, or the second not the node's.
    """
    files = [read_parameter_file(p) for p in (path, layers) if p]
    own = [own_sections(file.nodes()) for file in files]
    if not own[-1] and layers:
        raise ParameterError(f'{layers}: expected parameters of the node {NODE}, found none')
    everywhere = tuple(view for views in own for view in views)
    context = Context(labels, model, everywhere, tuple(files[0].nodes()))
    is_ours = bool(own[0]) or _names_node(files[0])
    every = [Costmap(node) for node in _costmaps(files[0])]
    costmaps = [costmap for costmap in every if costmap.node_topics]
    found = [f for file in files for f in _in_file(file.path, _run('any file', file, context))]
    for costmap in every:
        found += _in_file(path, _run('any costmap', costmap, context))
    if is_ours:
        found += _in_file(path, _findings(files[0], costmaps, context))
    for file, views in zip(files, own, strict=True):
        for view in views:
            names = set() if view.node.is_for_many else file.own_names(view.node)
            findings = [
                *_named('parameters', file_checks.parameters(view, names)),
                *_named('layers', file_checks.layers(view, labels)),
            ]
            found += _in_file(file.path, findings)
    ordered = sorted(dict.fromkeys(found), key=lambda f: (f.file != str(path), f.line, f.check))
    return Report(tuple(ordered), is_ours, tuple(notes(files[0], costmaps, context)))


def own_model(paths: Iterable[Path]) -> str | None:
    """Return the node's parameter ``model`` in the files, None if none gives it."""
    views = [v for p in paths for v in own_sections(read_parameter_file(p).nodes())]
    given = [str(view.value('model')) for view in views if view.given('model')]
    return given[-1] if given else None


def _findings(
    file: ParameterFile, costmaps: list[Costmap], context: Context
) -> Iterator[Finding]:
    yield from _run('file', file, context)
    for costmap in costmaps:
        yield from _run('costmap', costmap, context)
        for layer in costmap.ours:
            yield from _run(layer.kind, layer, context)


def _run(kind: str, item: Any, context: Context) -> Iterator[Finding]:
    for check in CHECKS.get(kind, ()):
        yield from _named(check.__name__, check(item, context))


def _named(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield dataclasses.replace(finding, check=check)


def _in_file(path: Path, findings: Iterable[Finding]) -> list[Finding]:
    return [dataclasses.replace(finding, file=str(path)) for finding in findings]


def _costmaps(file: ParameterFile) -> list[Node]:
    """Return the nodes with layers; a pattern only if no node that it covers has some."""
    nodes = file.nodes()
    # What a pattern alone gives to every node makes no costmap of each of them.
    found = [n for n in nodes if not n.is_pattern and _is_costmap(n, file.own_names(n))]
    patterns = [n for n in nodes if n.is_pattern and _is_costmap(n, set(n.values))]
    return [*found, *(p for p in patterns if not any(p.covers(n) for n in found))]


def _is_costmap(node: Node, own_names: set[str]) -> bool:
    plain = ('plugins', 'rolling_window', 'global_frame', 'trinary_costmap', 'update_frequency')
    has_layers = any(name == 'plugins' or name.endswith('.plugin') for name in node.values)
    says_so = has_layers and any(n in plain or n.endswith('.plugin') for n in own_names)
    return says_so or (node.name.endswith(_COSTMAPS) and bool(own_names))


def _names_node(file: ParameterFile) -> bool:
    views = map(View, file.nodes())
    return any(server_checks.manages(view) or view.node_topics for view in views)
