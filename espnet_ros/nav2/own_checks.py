"""Find what the node `segmentation` refuses in its parameters, at start or when configured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_ros.core.config import NodeConfig, find_spec, unknown_name
from espnet_ros.core.config_rules import Refusal, camera_refusals, map_refusals
from espnet_ros.core.known_parameters import ROS_SPECS, unknown_names
from espnet_ros.core.labels import Labels
from espnet_ros.core.names import NODE, mount_parameter
from espnet_ros.core.parameter_families import incomplete
from espnet_ros.core.parameter_file import NodeSection, ParameterFile
from espnet_ros.nav2.context import own_sections
from espnet_ros.nav2.value_types import is_filled_in
from espnet_ros.nav2.views import Finding, View, in_file, named

_CURE = 'correct it, or the node does not start'
# Families whose members make sense only together.
_GROUPED = ('layers', 'camera_mount')
_ROS_SPECS = {spec.name: spec for spec in ROS_SPECS}


@dataclass(frozen=True)
class Given:
    """A parameter of a node, and where it comes from.

    :param section: the one that sets it.
    """

    value: Any
    file: Path
    section: NodeSection

    def is_judged(self, name: str) -> bool:
        """Return whether the value is valid by itself, so that rules with others apply."""
        spec = find_spec(name)
        return spec is not None and not (is_filled_in(self.value) or spec.problem(self.value))

    def view(self, prefix: str) -> View:
        """Return the parameters of the section below a prefix."""
        return View(self.section, prefix)


def own_findings(files: Sequence[ParameterFile], labels: Labels | None) -> list[Finding]:
    """Return what is found in the node's parameters, each problem once.

    :param files: in the order in which launch passes them.
    :param labels: classes of its model; None leaves class names unchecked.
    """
    found: list[Finding] = []
    for file in files:
        for view in own_sections(file.nodes()):
            found += in_file(file.path, named('parameters', parameters(view, file)))
    for name in _own_names(files):
        given = _given(files, name)
        found += named('layers', layers(given, labels))
        found += named('together', together(given, labels))
    # Several nodes may use the same section.
    once: dict[tuple[object, ...], Finding] = {}
    for finding in found:
        once.setdefault((finding.file, finding.line, finding.problem), finding)
    return list(once.values())


def parameters(view: View, file: ParameterFile) -> Iterator[Finding]:
    """Find parameters that the node does not have, and values that it refuses.

    :param view: a section of the node.
    :param file: its file, judged alone, as nobody says which other files are loaded with it.
    """
    refused, passed = unknown_names(view.names(), file.sections)
    for name in refused:
        yield view.error(name, unknown_name(name), _CURE)
    own_names = set() if view.node.is_for_many else file.own_names(view.node)
    for name in passed:
        if name in own_names:
            problem = f'{unknown_name(name)} (in a section for many nodes, too)'
            yield view.warning(name, problem, 'correct it, or remove it here')
    for name in view.names():
        spec, value = find_spec(name) or _ROS_SPECS.get(name), view.value(name)
        # `file_checks` reports null, which ROS refuses for any node.
        if spec is None or view.is_null(name) or is_filled_in(value):
            continue
        refusal = spec.problem(value)
        if refusal:
            yield view.error(name, refusal, _CURE)


def layers(given: Mapping[str, Given], labels: Labels | None) -> Iterator[Finding]:
    """Find layers that the node refuses, and costs that Nav2 reserves.

    :param given: the parameters of one node, by name.
    """
    yield from (_found(each, given) for each in _refusals(given, labels) if _of_layer(each))
    for name, cost in given.items():
        group = _group(name)
        if name.startswith('layers.') and name == f'{group}.cost' and cost.value == 99:
            says = 'cost is 99, which means inscribed to Nav2: the node sends 98'
            found = cost.view(f'{group}.').warning('cost', says, 'cost: 98 or 100')
            yield from in_file(cost.file, [found])


def together(given: Mapping[str, Given], labels: Labels | None) -> Iterator[Finding]:
    """Find values that the node refuses in combination with others or with its model's classes.

    :param given: the parameters of one node, by name.
    """
    yield from (_found(each, given) for each in _refusals(given, labels) if not _of_layer(each))


def _refusals(given: Mapping[str, Given], labels: Labels | None) -> Iterator[Refusal]:
    """Yield the refusals of values that are valid alone, but not in combination.

    Where a value is invalid, or launch fills it in, nobody knows what goes with it.
    """
    vague = {_group(name) for name, each in given.items() if not each.is_judged(name)}
    values = {n: each.value for n, each in given.items() if _group(n) not in vague}
    for group, sentence in incomplete(values):
        vague.add(group)
        yield Refusal((group,), sentence)
    values = {name: value for name, value in values.items() if _group(name) not in vague}
    config = NodeConfig.from_parameters(values)
    for refusal in (*map_refusals(config, labels), *camera_refusals(config)):
        if vague.isdisjoint(refusal.names):
            yield refusal


def _found(refusal: Refusal, given: Mapping[str, Given]) -> Finding:
    """Return a refusal as a finding about the first of its parameters that is given."""
    first: dict[str, tuple[str, Given]] = {}
    for name, each in given.items():
        first.setdefault(_group(name), (name, each))
    group = next(name for name in refusal.names if name in first)
    name, where = first[group]
    # The mounts of named cameras are below that of the camera without a name.
    prefix, key = ('', name) if group in (name, mount_parameter('')) else (f'{group}.', '')
    found = where.view(prefix).error(key, refusal.sentence, _CURE)
    return dataclasses.replace(found, file=str(where.file))


def _of_layer(refusal: Refusal) -> bool:
    return refusal.names[0].startswith('layers.')


def _group(name: str) -> str:
    """Return a parameter's name, or for layers and mounts the name of their group."""
    parts = name.split('.')
    return '.'.join(parts[:-1][:2]) if parts[0] in _GROUPED else name


def _own_names(files: Iterable[ParameterFile]) -> list[str]:
    """Return the names of the nodes that the files are for.

    A pattern stands for the nodes of narrower sections that it covers, or else for one node with
    the simplest name that it matches.
    """
    nodes = [view.node for file in files for view in own_sections(file.nodes())]
    names = [node.name for node in nodes if not node.is_pattern]
    patterns = [node for node in nodes if node.is_pattern]
    # The widest patterns come last.
    for pattern in sorted(patterns, key=lambda n: (n.name.startswith('/*'), n.name.count('*'))):
        if not any(pattern.covers(NodeSection(name, 0)) for name in names):
            names.append(_simplest(pattern))
    return list(dict.fromkeys(names))


def _simplest(pattern: NodeSection) -> str:
    above = [part for part in pattern.name.split('/')[1:-1] if part != '**']
    return '/'.join(['', *('any' if part == '*' else part for part in above), NODE])


def _given(files: Iterable[ParameterFile], node_name: str) -> dict[str, Given]:
    """Return a node's parameters from all sections that apply to it; the last value counts."""
    return {
        name: Given(value.value, file.path, section)
        for file in files
        for section in file.sections_for(node_name)
        for name, value in section.values.items()
    }


CHECKS = (parameters, layers, together)
