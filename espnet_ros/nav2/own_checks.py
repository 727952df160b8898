"""What the node `segmentation` refuses of its own parameters, at its start or when configured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.core.config import NodeConfig, find_spec, unknown_name
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.grid import GridSpec
from espnet_ros.core.known_parameters import ROS_SPECS, unknown_names
from espnet_ros.core.labels import UNLABELED, LabelClass, Labels
from espnet_ros.core.mapper import Mapper
from espnet_ros.core.parameter_families import check_mounts
from espnet_ros.core.parameter_file import NODE, NodeSection, ParameterFile
from espnet_ros.nav2.context import own_sections
from espnet_ros.nav2.value_types import is_filled_in
from espnet_ros.nav2.views import Finding, View, in_file, named

Rule = Callable[[NodeConfig, Labels | None], object]

_CURE = 'mend it, or the node does not start'
_ROS_SPECS = {spec.name: spec for spec in ROS_SPECS}


@dataclass(frozen=True)
class Given:
    """A parameter of a node, and where it comes from.

    :param section: that gives it.
    """

    value: Any
    file: Path
    section: NodeSection

    def is_judged(self, name: str) -> bool:
        """Return whether it is a value of the parameter, so that rules with others hold for it."""
        spec = find_spec(name)
        return spec is not None and not (is_filled_in(self.value) or spec.problem(self.value))

    def view(self, prefix: str) -> View:
        """Return the parameters of the section below a prefix."""
        return View(self.section, prefix)


def own_findings(files: Sequence[ParameterFile], labels: Labels | None) -> list[Finding]:
    """Return what is found in the node's parameters, each problem once.

    :param files: in the order in which the node is given them.
    :param labels: classes of its model, None to leave class names unchecked.
    """
    found: list[Finding] = []
    for file in files:
        for view in own_sections(file.nodes()):
            found += in_file(file.path, named('parameters', parameters(view, file)))
    for name in _own_names(files):
        given = _given(files, name)
        found += named('layers', layers(given, labels))
        found += named('together', together(given, labels))
    # Several nodes may take the same section.
    once: dict[tuple[object, ...], Finding] = {}
    for finding in found:
        once.setdefault((finding.file, finding.line, finding.problem), finding)
    return list(once.values())


def parameters(view: View, file: ParameterFile) -> Iterator[Finding]:
    """Find parameters that the node does not have, and values that it refuses.

    :param view: of the node.
    :param file: that it is in, and that is judged alone, as nobody says which others come along.
    """
    refused, passed = unknown_names(view.names(), file.sections)
    for name in refused:
        yield view.error(name, unknown_name(name), _CURE)
    own_names = set() if view.node.is_for_many else file.own_names(view.node)
    for name in passed:
        if name in own_names:
            problem = f'{unknown_name(name)} (in a section for many nodes, too)'
            yield view.warning(name, problem, 'mend it, or take it out here')
    for name in view.names():
        spec, value = find_spec(name) or _ROS_SPECS.get(name), view.value(name)
        # What is null, ROS refuses for whichever node.
        if spec is None or view.is_null(name) or is_filled_in(value):
            continue
        refusal = spec.problem(value)
        if refusal:
            yield view.error(name, refusal, _CURE)


def layers(given: Mapping[str, Given], labels: Labels | None) -> Iterator[Finding]:
    """Find layers that the node refuses, and costs that Nav2 keeps for itself.

    :param given: by name, to one node.
    """
    for group, names in _groups(given, 'layers'):
        yield from _refused(names, given, labels, _map, f'{group}.')
        cost = given.get(f'{group}.cost')
        if cost is not None and cost.value == 99:
            says = 'cost is 99, which Nav2 takes for inscribed: sent as 98'
            found = cost.view(f'{group}.').warning('cost', says, 'cost: 98 or 100')
            yield from in_file(cost.file, [found])


def together(given: Mapping[str, Given], labels: Labels | None) -> Iterator[Finding]:
    """Find values that the node refuses beside others, or for the classes of its model.

    :param given: by name, to one node.
    """
    for keys, rule in _RULES:
        yield from _refused(keys, given, labels, rule)
    for name in given:
        if name.startswith('projection.overhang.'):
            yield from _refused((name,), given, labels, _map)
    for _, names in _groups(given, 'camera_mount'):
        yield from _refused((*names, 'cameras'), given, labels, _mount)


def _refused(
    names: Iterable[str],
    given: Mapping[str, Given],
    labels: Labels | None,
    rule: Rule,
    prefix: str = '',
) -> Iterator[Finding]:
    """Find what a rule has against parameters, all others being left at their defaults.

    :param prefix: what the finding is about; by default the first of them.
    """
    known = {name: given[name] for name in names if name in given}
    if not known or not all(each.is_judged(name) for name, each in known.items()):
        return
    try:
        rule(NodeConfig.from_parameters({n: each.value for n, each in known.items()}), labels)
    except ParameterError as error:
        first, where = next(iter(known.items()))
        key = '' if prefix else first
        problem = str(error).removeprefix('layers refused: ')
        yield from in_file(where.file, [where.view(prefix).error(key, problem, _CURE)])


def _map(config: NodeConfig, labels: Labels | None) -> None:
    # The fewest cells, as the mapper takes memory for all of them.
    grid = dataclasses.replace(config.grid, resolution=min(10.0, *config.grid.size))
    Mapper(dataclasses.replace(config, grid=grid), labels or _any_labels(config))


def _cells(config: NodeConfig, labels: Labels | None) -> None:
    GridSpec.around((0.0, 0.0), config.grid.size, config.grid.resolution)


def _mount(config: NodeConfig, labels: Labels | None) -> None:
    check_mounts(config.mounts, config.camera_names)


# Parameters -> what they must fulfil together.
_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (('grid.recentre_step', 'grid.size'), _map),
    (('grid.resolution', 'grid.size'), _cells),
    (('projection.min_range', 'projection.max_range'), _map),
    (('projection.ground_cover',), _map),
)


def _any_labels(config: NodeConfig) -> Labels:
    """Return classes of which none that the config names is missing."""
    names = {name for layer in config.layers for name in layer.classes}
    names |= {'any', *config.projection.ground_cover, *config.overhang_m}
    # No model has more of them than that.
    most = sorted(names)[:UNLABELED]
    return Labels([LabelClass(name, (0, 0, 0), 'upright') for name in most])


def _groups(given: Mapping[str, Given], family: str) -> list[tuple[str, list[str]]]:
    """Return the names of a family by what they have in common, but for their last part."""
    groups: dict[str, list[str]] = {}
    for name in given:
        parts = name.split('.')
        if parts[0] == family:
            groups.setdefault('.'.join(parts[:-1][:2]), []).append(name)
    return list(groups.items())


def _own_names(files: Iterable[ParameterFile]) -> list[str]:
    """Return the names of the nodes that the files are for.

    A pattern stands for the nodes of narrower sections that it covers, or else for one that is
    called as simply as it allows.
    """
    nodes = [view.node for file in files for view in own_sections(file.nodes())]
    names = [node.name for node in nodes if not node.is_pattern]
    patterns = [node for node in nodes if node.is_pattern]
    # The widest last.
    for pattern in sorted(patterns, key=lambda n: (n.name.startswith('/*'), n.name.count('*'))):
        if not any(pattern.covers(NodeSection(name, 0)) for name in names):
            names.append(_simplest(pattern))
    return list(dict.fromkeys(names))


def _simplest(pattern: NodeSection) -> str:
    above = [part for part in pattern.name.split('/')[1:-1] if part != '**']
    return '/'.join(['', *('any' if part == '*' else part for part in above), NODE])


def _given(files: Iterable[ParameterFile], node_name: str) -> dict[str, Given]:
    """Return what all sections that count for a node give it, the last one of each."""
    return {
        name: Given(value.value, file.path, section)
        for file in files
        for section in file.sections_for(node_name)
        for name, value in section.values.items()
    }


CHECKS = (parameters, layers, together)
