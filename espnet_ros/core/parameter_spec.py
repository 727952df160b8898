"""Parameters as data: frozen dataclasses whose fields give type, bounds and description."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# When a change takes effect, and the sentence for it.
APPLIES = {
    'start': 'Read at start.',
    'configure': 'A change takes effect at the next configure transition.',
    'live': 'A change takes effect at once.',
}


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter as data.

    :param name: dotted name, e.g. ``input.size_wh``.
    :param default: its default; lists are tuples.
    :param applies: when a change takes effect, one of `APPLIES`.
    :param minimum: smallest value allowed; only together with `maximum`.
    :param maximum: largest value allowed.
    :param choices: the values allowed; empty for any.
    :param read_only: it can be set only at start.
    :param check: takes a coerced value and returns what was expected instead, or None.
    """

    name: str
    default: Any
    description: str
    applies: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    check: Callable[[Any], str | None] | None = None

    @property
    def type(self) -> str:
        """Return the ROS name of the type: string, bool, integer, double, and lists of them."""
        if isinstance(self.default, tuple):
            # A default of an empty list means a list of names.
            return f'{_ROS_TYPES[type(self.default[0])]}[]' if self.default else 'string[]'
        return _ROS_TYPES[type(self.default)]

    def coerce(self, value: Any) -> Any:
        """Return the value as the config holds it: lists as tuples, integers for floats."""
        if self.type == 'double[]':
            return tuple(float(v) for v in value)
        if isinstance(self.default, tuple):
            # [''] is how ROS users write an empty list of strings.
            return tuple(v for v in value if v != '')
        return float(value) if isinstance(self.default, float) else value

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        reason = self._type_problem(value) or self._value_problem(self.coerce(value))
        return f'{self.name}: {reason}, got {value!r}' if reason else None

    def _type_problem(self, value: Any) -> str | None:
        item = self.type.removesuffix('[]')
        if item == self.type:
            return None if _is_a(item, value) else f'expected a value of type {item}'
        is_list = isinstance(value, Iterable) and not isinstance(value, str)
        ok = is_list and all(_is_a(item, v) for v in value)
        return None if ok else f'expected a list of type {item}'

    def _value_problem(self, value: Any) -> str | None:
        if self.choices and value not in self.choices:
            return f'expected one of {", ".join(self.choices)}'
        if self.minimum is not None and self.maximum is not None:
            inside = self.minimum <= value <= self.maximum  # False for NaN
            if not inside:
                return f'expected {self.minimum} to {self.maximum}'
        return self.check(value) if self.check else None


_ROS_TYPES = {str: 'string', bool: 'bool', int: 'integer', float: 'double'}


def parameter(default: Any, description: str, applies: str, **rule: Any) -> Any:
    """Return a dataclass field that is a parameter.

    :param rule: minimum, maximum, choices, read_only, check of `ParameterSpec`.
    """
    metadata = {'description': description, 'applies': applies, **rule}
    return dataclasses.field(default=default, metadata=metadata)


def specs_of(config: Any, prefix: str = '') -> Iterator[ParameterSpec]:
    """Yield the parameters of a config and its groups, its values as their defaults."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.metadata:
            yield ParameterSpec(prefix + field.name, value, **field.metadata)
        elif dataclasses.is_dataclass(value):
            yield from specs_of(value, f'{prefix}{field.name}.')


def build(kind: Any, values: Mapping[str, Any], prefix: str = '') -> Any:
    """Return a config with these values, which are coerced and have dotted names."""
    arguments = {}
    for field in dataclasses.fields(kind):
        name = prefix + field.name
        if field.metadata:
            if name in values:
                arguments[field.name] = values[name]
        elif dataclasses.is_dataclass(field.default_factory):
            arguments[field.name] = build(field.default_factory, values, f'{name}.')
    return kind(**arguments)


def _is_a(type_name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return type_name == 'bool'
    kinds: dict[str, Any] = {'string': str, 'integer': int, 'double': (int, float), 'bool': bool}
    return isinstance(value, kinds[type_name])
