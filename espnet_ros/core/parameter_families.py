"""Families of parameters: names like ``layers.road.cost`` contain a part the user makes up."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.layers import CLEAR, LayerSpec
from espnet_ros.core.names import CAMERA, LAYER, mount_parameter
from espnet_ros.core.parameter_checks import three_problem
from espnet_ros.core.parameter_spec import ParameterSpec
from espnet_ros.core.spelling import nearest

# Suggestions less similar than this (0..1) mislead; max_rang is 0.57 similar to its target.
_NEAR = 0.55


@dataclass(frozen=True)
class Mount:
    """Where a camera's body frame (x forward, z up) is in the base frame, as URDF has it.

    :param xyz: metres.
    :param rpy: roll, pitch and yaw in radians; a positive pitch looks down.
    """

    xyz: tuple[float, float, float]
    rpy: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Family:
    """Parameters whose names contain a part that the user makes up.

    :param form: the form of the names, for people.
    :param pattern: matches such names; the group ``key`` is the part that the user makes up.
    :param spec: the specification of each of them, apart from its name.
    """

    form: str
    pattern: re.Pattern[str]
    spec: ParameterSpec

    @property
    def head(self) -> str:
        """Return the common prefix of its names."""
        return self.form.partition('<key>')[0]

    def like(self, name: str) -> tuple[str, str]:
        """Return the name of this family that a similar name probably means, and its key.

        Both are empty if the name has no part where the key is.
        """
        parts, form = name.split('.'), self.form.split('.')
        if '<key>' not in form:
            return self.form, ''
        place = form.index('<key>')
        if place >= len(parts):
            return '', ''
        return self.form.replace('<key>', parts[place]), parts[place]


def _family(form: str, key: str, default: Any, description: str, **rule: Any) -> Family:
    pattern = re.escape(form).replace('<key>', f'(?P<key>{key})')
    spec = ParameterSpec(form, default, description, 'configure', **rule)
    return Family(form, re.compile(pattern), spec)


FAMILIES = (
    _family('layers.<key>.classes', LAYER, (), 'Classes of the model that make this layer.'),
    _family(
        'layers.<key>.cost', LAYER, 100,
        'Cost of its cells, from 0 (free) to 100 (lethal); 99 is published as 98.',
        minimum=0, maximum=100,
    ),
    _family(
        'layers.<key>.min_probability', LAYER, LayerSpec.min_probability,
        "Share of a cell's evidence that these classes need.", minimum=0.001, maximum=1.0,
    ),
    _family(
        'projection.overhang.<key>', r'\w+', 0.0,
        'How far things of this class reach beyond where they touch the ground, metres.',
        minimum=0.0, maximum=2.0,
    ),
    *(
        _family(f'camera_mount.{key}{leaf}', CAMERA, (0.0, 0.0, 0.0), text, check=three_problem)
        for key in ('', '<key>.')
        for leaf, text in (
            ('xyz', 'Position of the camera in the base frame, metres.'),
            ('rpy', 'Its roll, pitch (positive looks down) and yaw, radians, as in URDF.'),
        )
    ),
    _family(
        'input.<key>.upside_down', CAMERA, False,
        'input.upside_down for one of several cameras, if it differs from the others.',
    ),
)  # fmt: skip


def find_family(name: str) -> ParameterSpec | None:
    """Return the parameter of this name if it belongs to a family, or None."""
    family = next((f for f in FAMILIES if f.pattern.fullmatch(name)), None)
    return dataclasses.replace(family.spec, name=name) if family else None


def unknown_parameter(name: str, fixed: Sequence[str]) -> str:
    """Return the message for an unknown parameter; it suggests the nearest real name, if any.

    :param fixed: names of the parameters outside of the families.
    """
    # With the user's own part filled in, a typo in any other part is near to the right name.
    made = {form: key for family in FAMILIES for form, key in [family.like(name)] if form}
    if made.get(name):
        return (
            f'unknown parameter {name!r}: {made[name]!r} is not a valid name; that of a layer is '
            'a lower case letter, then lower case letters, digits and _; that of a camera is a '
            'letter, then letters, digits and _, and the same in each part between /'
        )
    # A forgotten group ("opacity") is a likelier mistake than any misspelling.
    tails = [n for n in fixed if n.rpartition('.')[2] == name.rpartition('.')[2]]
    # A group that also holds other parameters says little about what is meant.
    heads = [f.head for f in FAMILIES if not any(n.startswith(f.head) for n in fixed)]
    is_family = name.startswith(tuple(heads))
    near = '' if is_family or not tails else tails[0]
    near = near or nearest(name, [*made, *fixed], _NEAR)
    end = f'did you mean {near!r}?' if near else 'and none has a similar name'
    return f'unknown parameter {name!r}, {end}'


def incomplete(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what `layers_of` and `mounts_of` refuse in flat, checked values.

    :returns: the group of parameters, e.g. ``layers.road``, and what is wrong with it.
    """
    for name, values in _plain_layers(given).items():
        problem = _layer_problem(name, values)
        if problem:
            yield f'layers.{name}', problem
    places, angles = _mount_leaves(given)
    for name in angles:
        if name not in places:
            yield mount_parameter(name), _without_places([name])


def layers_of(given: Mapping[str, Any]) -> tuple[LayerSpec, ...]:
    """Return the layers that flat, checked values define, sorted by name.

    :raises ParameterError: if one lacks its classes or cost, or has a name that is taken.
    """
    layers = sorted(_plain_layers(given).items())
    problems = '; '.join(filter(None, (_layer_problem(*layer) for layer in layers)))
    if problems:
        raise ParameterError(f'layers refused: {problems}')
    return tuple(LayerSpec(name, **values) for name, values in layers)


def _plain_layers(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    layers: dict[str, dict[str, Any]] = {}
    for leaf in ('classes', 'cost', 'min_probability'):
        for name, value in _members(given, f'layers.<key>.{leaf}').items():
            layers.setdefault(name, {})[leaf] = value
    return layers


def _layer_problem(name: str, values: Mapping[str, Any]) -> str:
    """Return why the values of a layer, by leaf, do not make one, '' if they do."""
    problems = [f'{key!r} is missing' for key in ('classes', 'cost') if key not in values]
    if name == CLEAR:
        problems.append(f'layer name {CLEAR!r} is taken by ~/points/{CLEAR}, the free ground')
    return '; '.join(f'{name}: {problem}' for problem in problems)


def overhang_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Return the overhang by class, metres."""
    return _members(given, 'projection.overhang.<key>')


def mounts_of(given: Mapping[str, Any]) -> dict[str, Mount]:
    """Return the mounts by camera, '' for the one without a name.

    :raises ParameterError: if one has angles but no position.
    """
    places, angles = _mount_leaves(given)
    lost = [name for name in angles if name not in places]
    if lost:
        raise ParameterError(_without_places(lost))
    return {name: Mount(xyz, angles.get(name, Mount.rpy)) for name, xyz in places.items()}


def _mount_leaves(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the positions and the angles of mounts, by camera."""
    places = _members(given, 'camera_mount.<key>.xyz')
    angles = _members(given, 'camera_mount.<key>.rpy')
    for own, leaf in ((places, 'xyz'), (angles, 'rpy')):
        if f'camera_mount.{leaf}' in given:
            own[''] = given[f'camera_mount.{leaf}']
    return places, angles


def _without_places(cameras: Sequence[str]) -> str:
    names = ', '.join(name or 'the camera' for name in cameras)
    return f'camera_mount has rpy without xyz for {names}: give both'


def upside_down_of(given: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether images are turned, by camera, for the cameras that have a value."""
    return _members(given, 'input.<key>.upside_down')


def _members(given: Mapping[str, Any], form: str) -> dict[str, Any]:
    family = next(f for f in FAMILIES if f.form == form)
    matches = {name: family.pattern.fullmatch(name) for name in given}
    return {match['key']: given[name] for name, match in matches.items() if match}
