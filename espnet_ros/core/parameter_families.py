"""Families of parameters: names like ``layers.road.cost`` hold one that the user makes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import ParameterError
from espnet_ros.core.layers import LayerSpec, layers_from_dict
from espnet_ros.core.names import CAMERA, LAYER
from espnet_ros.core.parameter_spec import ParameterSpec


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
    """Parameters whose names hold one that the user makes.

    :param form: of the names, for people.
    :param pattern: that such names match; the group ``key`` is what the user makes.
    :param spec: of any of them but for its name.
    """

    form: str
    pattern: re.Pattern[str]
    spec: ParameterSpec

    @property
    def head(self) -> str:
        """Return what all its names begin with."""
        return self.form.partition('<key>')[0]

    def like(self, name: str) -> tuple[str, str]:
        """Return the name of this family that is meant by one spelled like it, and its key.

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


def _three_problem(value: tuple[float, ...]) -> str | None:
    ok = len(value) == 3 and all(map(math.isfinite, value))
    return None if ok else 'expected three finite numbers'


FAMILIES = (
    _family('layers.<key>.classes', LAYER, (), 'Classes of the model that make this layer.'),
    _family(
        'layers.<key>.cost', LAYER, 100,
        'Cost of its cells, from 0 (free) to 100 (lethal); 99 is published as 98.',
        minimum=0, maximum=100,
    ),
    _family(
        'layers.<key>.min_probability', LAYER, LayerSpec.min_probability,
        "Share of a cell's evidence from which it is of this layer.", minimum=0.001, maximum=1.0,
    ),
    _family(
        'projection.overhang.<key>', r'\w+', 0.0,
        'How far things of this class reach beyond where they touch the ground, metres.',
        minimum=0.0, maximum=2.0,
    ),
    *(
        _family(f'camera_mount.{key}{leaf}', CAMERA, (0.0, 0.0, 0.0), text, check=_three_problem)
        for key in ('', '<key>.')
        for leaf, text in (
            ('xyz', 'Place of the camera in the base frame, metres.'),
            ('rpy', 'Its roll, pitch (positive looks down) and yaw, radians, as in URDF.'),
        )
    ),
)  # fmt: skip


def layers_of(given: Mapping[str, Any]) -> tuple[LayerSpec, ...]:
    """Return the layers that flat, checked values define, by name.

    :raises ParameterError: if one lacks its classes or cost.
    """
    layers: dict[str, dict[str, Any]] = {}
    for leaf in ('classes', 'cost', 'min_probability'):
        for name, value in _members(given, f'layers.<key>.{leaf}').items():
            layers.setdefault(name, {})[leaf] = value
    return tuple(layers_from_dict(dict(sorted(layers.items()))))


def overhang_of(given: Mapping[str, Any]) -> dict[str, float]:
    """Return the overhang by class, metres."""
    return _members(given, 'projection.overhang.<key>')


def mounts_of(given: Mapping[str, Any]) -> dict[str, Mount]:
    """Return the mounts by camera, '' for the one without a name.

    :raises ParameterError: if one has angles but no place.
    """
    places = _members(given, 'camera_mount.<key>.xyz')
    angles = _members(given, 'camera_mount.<key>.rpy')
    for own, leaf in ((places, 'xyz'), (angles, 'rpy')):
        if f'camera_mount.{leaf}' in given:
            own[''] = given[f'camera_mount.{leaf}']
    lost = [name for name in angles if name not in places]
    if lost:
        raise ParameterError(
            'camera_mount has rpy without xyz for '
            f'{", ".join(name or "the camera" for name in lost)}: give both'
        )
    return {name: Mount(xyz, angles.get(name, Mount.rpy)) for name, xyz in places.items()}


def check_mounts(mounts: Mapping[str, Mount], cameras: Sequence[str]) -> None:
    """Refuse mounts of cameras that are not there, which is how typos go unnoticed.

    :param cameras: names of the cameras, '' for the one without.
    :raises ParameterError: naming them.
    """
    # The one without a name may stay in a file when cameras are named.
    lost = [f'camera_mount.{name}' for name in mounts if name and name not in cameras]
    if lost:
        expected = ', '.join(f'camera_mount.{name}'.rstrip('.') for name in cameras)
        raise ParameterError(
            f'{", ".join(lost)} is of no camera: expected {expected}, by the parameter cameras'
        )


def _members(given: Mapping[str, Any], form: str) -> dict[str, Any]:
    family = next(f for f in FAMILIES if f.form == form)
    matches = {name: family.pattern.fullmatch(name) for name in given}
    return {match['key']: given[name] for name, match in matches.items() if match}
