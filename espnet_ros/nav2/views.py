"""What a file says about one node, or part of its parameters, and the findings there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from espnet_ros.core.parameter_file import NodeSection
from espnet_ros.nav2.topics import Topic, find_topic


@dataclass(frozen=True)
class Finding:
    """One trap.

    :param severity: ``error`` (the robot drives on wrong costs, or Nav2 stops) or ``warning``.
    :param line: in the file, from 1; of the enclosing group where a default is the trap.
    :param parameter: its full name.
    :param check: name of the check that found it.
    """

    severity: str
    line: int
    parameter: str
    problem: str
    cure: str
    check: str = ''
    file: str = ''


def named(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings with the name of their check."""
    for finding in findings:
        yield dataclasses.replace(finding, check=check)


def in_file(path: Path, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings with the path of their file."""
    for finding in findings:
        yield dataclasses.replace(finding, file=str(path))


class View:
    """The parameters of a node below a prefix.

    :param prefix: dotted name with a dot at its end, or empty.
    """

    def __init__(self, node: NodeSection, prefix: str = '') -> None:
        self.node = node
        self.prefix = prefix

    @property
    def name(self) -> str:
        """Return the last name of the prefix, or the node's."""
        return self.prefix.rstrip('.').rpartition('.')[2] or self.node.name

    def given(self, key: str) -> bool:
        """Return whether the file sets the parameter."""
        return self.prefix + key in self.node.values

    def value(self, key: str, default: Any = None) -> Any:
        """Return the parameter, or Nav2's default."""
        found = self.node.values.get(self.prefix + key)
        return found.value if found else default

    def is_null(self, key: str) -> bool:
        """Return whether the file sets the parameter to nothing (left empty, or null)."""
        found = self.node.values.get(self.prefix + key)
        return found is not None and found.is_null

    def number(self, key: str, default: float) -> float | None:
        """Return a parameter that is a number, None if the file says something else."""
        value = self.value(key, default)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if is_number else None

    def texts(self, key: str) -> list[str]:
        """Return the strings of a list, empty if the value is no list."""
        value = self.value(key)
        return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []

    def names(self) -> list[str]:
        """Return the dotted names below the prefix."""
        return [n[len(self.prefix) :] for n in self.node.values if n.startswith(self.prefix)]

    @cached_property
    def node_topics(self) -> dict[str, Topic]:
        """Return parameter -> topic of the node, for all parameters that name one."""
        keys = [key for key in self.names() if key.endswith('topic')]
        found = {key: find_topic(self.value(key)) for key in keys}
        return {key: topic for key, topic in found.items() if topic}

    def line(self, key: str = '') -> int:
        """Return where the parameter is set, else where the nearest group around it starts."""
        name = self.prefix + key
        if name in self.node.values:
            return self.node.values[name].line
        while name:
            name = name.rpartition('.')[0]
            if name in self.node.groups:
                return self.node.groups[name]
            lines = [v.line for n, v in self.node.values.items() if n.startswith(f'{name}.')]
            if name and lines:
                return min(lines)
        return self.node.line

    def says(self, key: str, default: Any) -> str:
        """Return the parameter with its value, for a message."""
        value = self.value(key, default)
        shown = {True: 'true', False: 'false'}[value] if isinstance(value, bool) else value
        return f'{key} is {shown}' + ('' if self.given(key) else ' by default')

    def error(self, key: str, problem: str, cure: str) -> Finding:
        """Return a finding about the parameter."""
        return Finding('error', self.line(key), self._full(key), problem, cure)

    def warning(self, key: str, problem: str, cure: str) -> Finding:
        """Return a finding that costs quality, not safety."""
        return Finding('warning', self.line(key), self._full(key), problem, cure)

    def _full(self, key: str) -> str:
        return f'{self.node.name}: {self.prefix}{key}'.rstrip('.')
