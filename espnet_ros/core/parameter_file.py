"""Reads a ROS parameter file as its nodes will see it, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.ros_scalar import ros_scalar
from espnet_ros.core.yaml_file import syntax_errors, value_errors

PARAMETERS = 'ros__parameters'
_TEXT, _NULL = 'tag:yaml.org,2002:str', 'tag:yaml.org,2002:null'


@dataclass(frozen=True)
class Value:
    """A parameter's value in the file and its line, counted from 1.

    :param value: as ROS reads it; None if it is empty, in which case ROS refuses the file.
    :param is_null: whether it is null for YAML: it is empty, or the word null, which ROS reads as
        a string.
    """

    value: Any
    line: int
    is_null: bool = False


@dataclass
class NodeSection:
    """The parameters that a file gives to one node.

    :param name: fully qualified, or a pattern with ``*`` (any one name) or ``**`` (any names).
    :param line: where its section starts.
    :param values: dotted name -> value; the last one if a name is given twice.
    :param groups: dotted name -> line, for names that contain others.
    :param no_mapping_line: the line of its ``ros__parameters`` if they are not a mapping.
    """

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    no_mapping_line: int | None = None

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

    def covers(self, other: NodeSection) -> bool:
        """Return whether the section applies to the node of the other section."""
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
    sections: tuple[NodeSection, ...]
    duplicates: tuple[Duplicate, ...]

    def sections_for(self, name: str) -> list[NodeSection]:
        """Return the sections that apply to a node, in the order of the file.

        :param name: fully qualified; for a pattern, only its own sections are returned.
        """
        wanted = NodeSection(name, 0)
        return [
            section
            for section in self.sections
            if section.name == name
            or (section.is_pattern and not wanted.is_pattern and section.covers(wanted))
        ]

    def nodes(self) -> list[NodeSection]:
        """Return every node and pattern named, with the patterns' values merged into the nodes."""
        merged: dict[str, NodeSection] = {}
        for named in self.sections:
            if named.name in merged:
                continue
            node = merged[named.name] = NodeSection(named.name, named.line)
            # As in rcl: all matching sections count, and the last one wins.
            for section in self.sections_for(named.name):
                node.values.update(section.values)
                node.groups.update(section.groups)
        return list(merged.values())

    def own_names(self, node: NodeSection) -> set[str]:
        """Return the names in a node's own sections, without those from patterns."""
        return {n for s in self.sections if s.name == node.name for n in s.values}


def read_parameter_file(path: Path) -> ParameterFile:
    """Parse a file.

    :raises ParameterError: if it is not UTF-8, not YAML or holds no ``ros__parameters``.
    :raises OSError: if it can't be opened.
    """
    with syntax_errors(path, ParameterError):
        loader = _Loader(path.read_text(encoding='utf-8'))
        with value_errors():
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
    """Remembers which scalars are tagged as text; PyYAML reads many untagged ones as text, too."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._tagged: set[yaml.ScalarNode] = set()

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        is_tagged = self.peek_event().tag == _TEXT  # type: ignore[no-untyped-call]
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)  # type: ignore[no-untyped-call]
        if is_tagged:
            self._tagged.add(node)
        return node

    def ros_value(self, node: yaml.ScalarNode) -> bool | int | float | str | None:
        return ros_scalar(node.value, node.style in ('"', "'"), node in self._tagged)


class _Reader:
    def __init__(self, loader: _Loader) -> None:
        self.sections: list[NodeSection] = []
        self.duplicates: list[Duplicate] = []
        self._loader = loader

    def read_sections(
        self, mapping: yaml.MappingNode, name: str, line: int, above: tuple[int, ...]
    ) -> None:
        for key, at, value in self._pairs(mapping, name, above):
            if key == PARAMETERS:
                node = NodeSection(f'/{name}' if name else '/', line)
                self.sections.append(node)
                if isinstance(value, yaml.MappingNode):
                    self._read_values(value, '', node, (*above, id(mapping)))
                else:
                    node.no_mapping_line = at
            elif isinstance(value, yaml.MappingNode):
                inner = '/'.join(part for part in (name, *key.split('/')) if part)
                self.read_sections(value, inner, at, (*above, id(mapping)))

    def _read_values(
        self, mapping: yaml.MappingNode, prefix: str, node: NodeSection, above: tuple[int, ...]
    ) -> None:
        for key, at, value in self._pairs(mapping, f'{node.name}: {prefix}', above):
            if isinstance(value, yaml.MappingNode):
                node.groups[prefix + key] = at
                self._read_values(value, f'{prefix}{key}.', node, (*above, id(mapping)))
            else:
                read = self._value(value)
                is_null = read is None or value.tag == _NULL
                node.values[prefix + key] = Value(read, at, is_null)

    def _value(self, node: yaml.Node) -> Any:
        """Return a value as ROS reads it, or as PyYAML reads it if ROS refuses it."""
        # PyYAML, and so nav2_bringup, refuses words that look like dates but are not valid ones.
        with value_errors(node.start_mark.line + 1):
            plain = self._loader.construct_object(node, deep=True)  # type: ignore[no-untyped-call]
        if isinstance(node, yaml.ScalarNode):
            return self._loader.ros_value(node)
        if isinstance(plain, list):
            items = zip(node.value, plain, strict=True)
            return [self._value(i) if isinstance(i, yaml.ScalarNode) else p for i, p in items]
        return plain

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
        # nav2_bringup reads with PyYAML, where << merges in another mapping.
        self._loader.flatten_mapping(mapping)
        for key, value in mapping.value:
            yield key.value, key.start_mark.line + 1, value
