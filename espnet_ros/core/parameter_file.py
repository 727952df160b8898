"""Read a ROS parameter file with the line of every value, as the nodes in it will see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.yaml_file import yaml_errors

PARAMETERS = 'ros__parameters'
# The name that the node of this package is started with.
NODE = 'segmentation'
# What ROS itself declares in every node.
OF_ROS = re.compile(r'use_sim_time|start_type_description_service|qos_overrides\..+')


@dataclass(frozen=True)
class Value:
    """A parameter: what the file gives and the line it does so, counted from 1."""

    value: Any
    line: int


@dataclass
class Node:
    """The parameters that a file gives to one node.

    :param name: fully qualified, or a pattern with ``*`` (any one name) or ``**`` (any names).
    :param line: where its section starts.
    :param values: dotted name -> value; of a name given twice the last.
    :param groups: dotted name -> line, for names that hold others.
    """

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)

    @property
    def is_pattern(self) -> bool:
        """Return whether the section is for nodes of several names."""
        return '*' in self.name

    @property
    def is_for_many(self) -> bool:
        """Return whether the section is for nodes of any name, in whatever namespace."""
        return '*' in self.last_name

    @property
    def last_name(self) -> str:
        """Return the name without its namespace."""
        return self.name.rpartition('/')[2]

    def covers(self, other: Node) -> bool:
        """Return whether the section counts for a node of that name."""
        parts = self.name.strip('/').split('/')
        wildcards = {'**': '(/[^/]+)*', '*': '/[^/]+'}
        regex = ''.join(wildcards.get(part, f'/{re.escape(part)}') for part in parts)
        return re.fullmatch(regex, other.name) is not None


@dataclass(frozen=True)
class Duplicate:
    """A key given twice in one mapping, the second time at `line`."""

    name: str
    first_line: int
    line: int


@dataclass(frozen=True)
class ParameterFile:
    """A parsed file.

    :param sections: one for each ``ros__parameters``, in the order of the file.
    """

    path: Path
    sections: tuple[Node, ...]
    duplicates: tuple[Duplicate, ...]

    def sections_for(self, name: str) -> list[Node]:
        """Return the sections that count for a node, in the order of the file.

        :param name: fully qualified; of a pattern, only its own sections count.
        """
        wanted = Node(name, 0)
        return [
            section
            for section in self.sections
            if section.name == name
            or (section.is_pattern and not wanted.is_pattern and section.covers(wanted))
        ]

    def nodes(self) -> list[Node]:
        """Return every node and pattern named, the patterns' values merged into the nodes."""
        merged: dict[str, Node] = {}
        for named in self.sections:
            if named.name in merged:
                continue
            node = merged[named.name] = Node(named.name, named.line)
            # As rcl does it: whatever matches counts, the last one wins.
            for section in self.sections_for(named.name):
                node.values.update(section.values)
                node.groups.update(section.groups)
        return list(merged.values())

    def own_names(self, node: Node) -> set[str]:
        """Return the names that a node's own sections give, without those of patterns."""
        return {n for s in self.sections if s.name == node.name for n in s.values}


def read_parameter_file(path: Path) -> ParameterFile:
    """Parse a file.

    :raises ParameterError: if it is not UTF-8, not YAML or holds no ``ros__parameters``.
    :raises OSError: if it can't be opened.
    """
    with yaml_errors(path, ParameterError):
        loader = _Loader(path.read_text(encoding='utf-8'))
        root = loader.get_single_node()
        reader = _Reader(loader)
        if isinstance(root, yaml.MappingNode):
            reader.read_sections(root, '', root.start_mark.line + 1, ())
    if not reader.sections:
        raise ParameterError(
            f'{path}: expected the parameters of ROS nodes (<node>: {PARAMETERS}: ...), found no '
            f'{PARAMETERS}'
        )
    return ParameterFile(path, tuple(reader.sections), tuple(reader.duplicates))


class _Loader(yaml.SafeLoader):
    """Takes 1e0 and 1.5e3 for numbers, as ROS does; to PyYAML alone they are text."""


_Loader.add_implicit_resolver(  # type: ignore[no-untyped-call]
    'tag:yaml.org,2002:float',
    re.compile(r'[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$'),
    list('-+.0123456789'),
)


class _Reader:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.sections: list[Node] = []
        self.duplicates: list[Duplicate] = []
        self._loader = loader

    def read_sections(
        self, mapping: yaml.MappingNode, name: str, line: int, above: tuple[int, ...]
    ) -> None:
        for key, at, value in self._pairs(mapping, name, above):
            if key == PARAMETERS:
                node = Node(f'/{name}' if name else '/', line)
                self.sections.append(node)
                if isinstance(value, yaml.MappingNode):
                    self._read_values(value, '', node, (*above, id(mapping)))
            elif isinstance(value, yaml.MappingNode):
                inner = '/'.join(part for part in (name, *key.split('/')) if part)
                self.read_sections(value, inner, at, (*above, id(mapping)))

    def _read_values(
        self, mapping: yaml.MappingNode, prefix: str, node: Node, above: tuple[int, ...]
    ) -> None:
        for key, at, value in self._pairs(mapping, f'{node.name}: {prefix}', above):
            if isinstance(value, yaml.MappingNode):
                node.groups[prefix + key] = at
                self._read_values(value, f'{prefix}{key}.', node, (*above, id(mapping)))
            else:
                plain = self._loader.construct_object(value, deep=True)  # type: ignore[no-untyped-call]
                node.values[prefix + key] = Value(plain, at)

    def _pairs(
        self, mapping: yaml.MappingNode, name: str, above: tuple[int, ...]
    ) -> Iterator[tuple[str, int, yaml.Node]]:
        if id(mapping) in above:
            raise yaml.YAMLError(f'line {mapping.start_mark.line + 1}: a mapping contains itself')
        first: dict[str, int] = {}
        for key, _ in mapping.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f'line {line}: a key is not a name')
            if key.value in first and key.value != '<<':
                self.duplicates.append(Duplicate(f'{name}{key.value}', first[key.value], line))
            first.setdefault(key.value, line)
        # nav2_bringup reads with PyYAML, for which << merges another mapping in.
        self._loader.flatten_mapping(mapping)
        for key, value in mapping.value:
            yield key.value, key.start_mark.line + 1, value
