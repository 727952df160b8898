"""Declare the fields of the config as ROS parameters and read them back."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from espnet_ros.core.config import NodeConfig, find_spec, parameter_specs, unknown_name
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.known_parameters import ROS_SPECS, passed_over, unknown_names
from espnet_ros.core.parameter_file import ParameterFile, read_parameter_file
from espnet_ros.core.parameter_spec import APPLIES, ParameterSpec


def declare_parameters(node: Node) -> NodeConfig:
    """Declare all parameters of the node and return the config they make.

    :raises ParameterError: if the command line or a parameter file holds an unknown name or a
        refused value; all are listed.
    """
    check_overrides(node)
    node.add_on_set_parameters_callback(_validate)
    for spec in _specs(node):
        # rclpy takes an empty list for a byte array. And if one of several requested parameters
        # has no value, it returns none of them.
        default = list(spec.default) or [''] if isinstance(spec.default, tuple) else spec.default
        node.declare_parameter(spec.name, default, _descriptor(spec))
    return read_config(node)


def read_config(node: Node) -> NodeConfig:
    """Return the config that the node's parameters make now."""
    values = {}
    for spec in _specs(node):
        # No release's get_parameter() returns a string array that is not set.
        parameter = node.get_parameter_or(spec.name)
        if parameter.value is not None:
            values[spec.name] = parameter.value
    return NodeConfig.from_parameters(values)


def unknown_parameters(node: Node, parameters: Iterable[Parameter[Any]]) -> list[str]:
    """Return a sentence for each parameter that the node does not have."""
    return [
        f'{p.name} was not given at start: set it in the parameter file'
        if find_spec(p.name)
        else unknown_name(p.name)
        for p in parameters
        if not node.has_parameter(p.name)
    ]


def as_declared(parameter: Parameter[Any]) -> Parameter[Any]:
    """Return the parameter with integers turned into the floats that its spec asks for."""
    spec = find_spec(parameter.name)
    if spec and spec.type == 'double' and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, Parameter.Type.DOUBLE, float(parameter.value))
    if spec and spec.type == 'double[]' and parameter.type_ == Parameter.Type.INTEGER_ARRAY:
        values = [float(v) for v in parameter.value]
        return Parameter(parameter.name, Parameter.Type.DOUBLE_ARRAY, values)
    return parameter


def _specs(node: Node) -> list[ParameterSpec]:
    """Return all parameters: the fixed ones and those of families that were given at start."""
    fixed = list(parameter_specs())
    names = {spec.name for spec in fixed}
    given = (find_spec(name) for name in node._parameter_overrides if name not in names)
    return fixed + [spec for spec in given if spec is not None]


def check_overrides(node: Node) -> None:
    """Check what the command line and the parameter files hold.

    :raises ParameterError: for unknown names and refused values; all are listed.
    """
    specs = {spec.name: spec for spec in (*_specs(node), *ROS_SPECS)}
    # rclpy says nothing of overrides that nobody declared, so typos would go unnoticed.
    overrides: dict[str, Parameter[Any]] = node._parameter_overrides
    files = list(_parameter_files(sys.argv))
    given = [name for name in overrides if not node.has_parameter(name)]
    refused, passed = unknown_names(given, [s for file in files for s in file.sections])
    problems = [unknown_name(name) for name in refused]
    for name in sorted(passed):
        node.get_logger().warning(passed_over(name))
    for file in files:
        if not file.sections_for(node.get_fully_qualified_name()):
            named = ', '.join(dict.fromkeys(section.name for section in file.sections))
            node.get_logger().warning(
                f'{file.path} sets nothing for {node.get_fully_qualified_name()}, only for {named}'
            )
    for name, spec in specs.items():
        if name not in overrides:
            continue
        if overrides[name].type_ != Parameter.Type.NOT_SET:
            overrides[name] = as_declared(overrides[name])
            problem = spec.problem(overrides[name].value)
        else:
            # ROS passes [] like this, as it has no type; it may be a list of strings.
            problem = spec.problem(())
            overrides[name] = Parameter(name, Parameter.Type.STRING_ARRAY, [''])
        problems += [problem] if problem else []
    if problems:
        raise ParameterError('; '.join(problems))


def _parameter_files(argv: list[str]) -> Iterator[ParameterFile]:
    for flag, path in itertools.pairwise(argv):
        # rcl has already accepted them all; an empty one has no parameters.
        with suppress(ParameterError):
            if flag == '--params-file':
                yield read_parameter_file(Path(path))


def _validate(parameters: list[Parameter[Any]]) -> SetParametersResult:
    problems = [
        problem
        for p in parameters
        if p.type_ != Parameter.Type.NOT_SET and (spec := find_spec(p.name)) is not None
        if (problem := spec.problem(p.value))
    ]
    return SetParametersResult(successful=not problems, reason='; '.join(problems))


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=f'{spec.description} {APPLIES[spec.applies]}', read_only=spec.read_only
    )
    if spec.choices:
        descriptor.additional_constraints = f'One of {", ".join(spec.choices)}'
    if spec.minimum is not None and spec.maximum is not None:
        if spec.type == 'integer':
            descriptor.integer_range = [
                IntegerRange(from_value=int(spec.minimum), to_value=int(spec.maximum), step=1)
            ]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=spec.minimum, to_value=spec.maximum)
            ]
    return descriptor
