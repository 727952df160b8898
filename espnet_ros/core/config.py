"""The configuration of the node: every parameter with its default, bounds and description, once.

The node's parameters, the YAML file and the documentation all derive from these dataclasses.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import ParameterError

# When a change takes effect: at the next start, the next configure transition, or at once.
APPLIES = ('start', 'configure', 'live')

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*')
_DEVICE = re.compile(r'auto|cpu|cuda(:\d+)?')


def _device_problem(value: str) -> str | None:
    return None if _DEVICE.fullmatch(value) else 'expected auto, cpu, cuda or cuda:N'


def _cameras_problem(value: tuple[str, ...]) -> str | None:
    bad = [name for name in value if not _NAME.fullmatch(name)]
    if bad:
        return f'camera names start with a letter and hold letters, digits, _ and /, not {bad}'
    return 'camera names must differ' if len(set(value)) < len(value) else None


def _size_problem(value: tuple[int, ...]) -> str | None:
    if value == (0, 0) or (len(value) == 2 and all(8 <= v <= 8192 and v % 8 == 0 for v in value)):
        return None
    return 'expected [width, height], both multiples of 8 from 8 to 8192, or [0, 0]'


def _field(default: Any, description: str, applies: str, **rule: Any) -> Any:
    metadata = {'description': description, 'applies': applies, **rule}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class InputConfig:
    """Where the images come from and the size they are inferred at."""

    transport: str = _field(
        'raw',
        'Message type of the image topic: raw is sensor_msgs/Image on "image", compressed is '
        'sensor_msgs/CompressedImage on "image/compressed".',
        'configure',
        choices=('raw', 'compressed'),
    )
    reliability: str = _field(
        'best_effort',
        'Reliability asked of the image publisher; best_effort matches every camera, reliable '
        'only a reliable one.',
        'configure',
        choices=('best_effort', 'reliable'),
    )
    size_wh: tuple[int, int] = _field(
        (0, 0),
        'Width and height of the network input in pixels, multiples of 8; [0, 0] is the size '
        'the model was trained at.',
        'configure',
        check=_size_problem,
    )


@dataclass(frozen=True)
class MaskConfig:
    """What the published mask looks like."""

    size: str = _field(
        'image',
        'Size of mask and confidence: image resizes them to the image by nearest neighbour, '
        'network keeps the size of the network input (less to send).',
        'configure',
        choices=('image', 'network'),
    )


@dataclass(frozen=True)
class OverlayConfig:
    """How the colour outputs look."""

    opacity: float = _field(
        0.5, 'Weight of the class colours over the image.', 'live', minimum=0.0, maximum=1.0
    )
    jpeg_quality: int = _field(
        80, 'JPEG quality of the compressed colour outputs.', 'live', minimum=1, maximum=100
    )


@dataclass(frozen=True)
class DiagnosticsConfig:
    """When the node reports and when it worries."""

    period: float = _field(
        1.0, 'Seconds between diagnostics.', 'configure', minimum=0.1, maximum=60.0
    )
    stale_after: float = _field(
        2.0,
        'Seconds without an image after which diagnostics warn.',
        'live',
        minimum=0.1,
        maximum=3600.0,
    )


@dataclass(frozen=True)
class NodeConfig:
    """All parameters of the node ``segmentation``; nested groups become dotted names."""

    model: str = _field(
        'espnet_camvid', 'Name of a shipped model or path of a model folder.', 'configure'
    )
    backend: str = _field(
        'auto',
        'Inference library; auto takes the fastest one that is installed.',
        'configure',
        choices=('auto', 'openvino', 'onnx', 'torch'),
    )
    device: str = _field(
        'auto', 'Where to infer: auto, cpu, cuda or cuda:N.', 'configure', check=_device_problem
    )
    precision: str = _field(
        'auto',
        'Arithmetic of the network; auto takes the fastest one the device has.',
        'configure',
        choices=('auto', 'f32', 'bf16', 'f16'),
    )
    cameras: tuple[str, ...] = _field(
        (),
        'Names of the cameras, each the prefix of its input topics and per-image outputs; '
        'empty for one camera without a prefix.',
        'configure',
        check=_cameras_problem,
    )
    autostart: bool = _field(
        True,
        'Configure and activate at start, without a lifecycle manager.',
        'start',
        read_only=True,
    )
    enabled: bool = _field(
        True, 'Segment images; while false they are counted and dropped.', 'live'
    )
    input: InputConfig = dataclasses.field(default_factory=InputConfig)
    mask: MaskConfig = dataclasses.field(default_factory=MaskConfig)
    overlay: OverlayConfig = dataclasses.field(default_factory=OverlayConfig)
    diagnostics: DiagnosticsConfig = dataclasses.field(default_factory=DiagnosticsConfig)

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> NodeConfig:
        """Build from flat dotted names; what is not named keeps its default.

        :raises ParameterError: if a name is unknown or a value refused; all are listed.
        """
        specs = {spec.name: spec for spec in parameter_specs()}
        problems = [unknown_name(name) for name in values if name not in specs]
        known = {name: value for name, value in values.items() if name in specs}
        problems += [p for n, v in known.items() if (p := specs[n].problem(v))]
        if problems:
            raise ParameterError('; '.join(problems))
        config: NodeConfig = _build(cls, '', {n: specs[n].coerce(v) for n, v in known.items()})
        return config


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter as data.

    :param name: dotted name, e.g. ``input.size_wh``.
    :param default: its default; lists are tuples.
    :param applies: when a change takes effect, one of `APPLIES`.
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
        """Return the ROS name of the type: string, bool, integer, double, string[], integer[]."""
        if isinstance(self.default, tuple):
            return 'integer[]' if self.default else 'string[]'
        return {str: 'string', bool: 'bool', int: 'integer', float: 'double'}[type(self.default)]

    def coerce(self, value: Any) -> Any:
        """Return the value as the config holds it: lists as tuples, integers for floats."""
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


def parameter_specs() -> tuple[ParameterSpec, ...]:
    """Return every parameter of the node in the order of the config."""
    return tuple(_specs(NodeConfig(), ''))


def parameter_values(config: NodeConfig) -> dict[str, Any]:
    """Return the flat dotted names and values of a config, lists as tuples."""
    return {spec.name: spec.default for spec in _specs(config, '')}


def unknown_name(name: str) -> str:
    """Return the sentence that refuses an unknown parameter and names the nearest real one."""
    names = [spec.name for spec in parameter_specs()]
    # A forgotten group ("opacity") is nearer to the user's mind than any spelling.
    tails = [n for n in names if n.rpartition('.')[2] == name.rpartition('.')[2]]
    near = tails or difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return f'unknown parameter {name!r}, did you mean {near[0]!r}?'


def _is_a(type_name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return type_name == 'bool'
    kinds: dict[str, Any] = {'string': str, 'integer': int, 'double': (int, float), 'bool': bool}
    return isinstance(value, kinds[type_name])


def _specs(config: Any, prefix: str) -> Iterator[ParameterSpec]:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _specs(value, f'{prefix}{field.name}.')
        else:
            yield ParameterSpec(prefix + field.name, value, **field.metadata)


def _build(kind: Any, prefix: str, values: Mapping[str, Any]) -> Any:
    arguments = {}
    for field in dataclasses.fields(kind):
        name = prefix + field.name
        if not field.metadata:
            arguments[field.name] = _build(field.default_factory, f'{name}.', values)
        elif name in values:
            arguments[field.name] = values[name]
    return kind(**arguments)
