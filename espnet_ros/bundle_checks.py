"""What makes a model folder valid: its description, its files and how they fit together."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from espnet_ros.core.architecture import ARCHITECTURES, SKIPS, WHOLE
from espnet_ros.core.errors import BundleError
from espnet_ros.core.input_size import LARGEST, STRIDE, is_size_wh
from espnet_ros.core.labels import Labels
from espnet_ros.core.spelling import nearest

DESCRIPTION = 'model.yaml'
FILES = {'weights': 'weights.safetensors', 'onnx': 'model.onnx'}
# Optional, for TensorRT: the same graph with the network in float16, and the float16 graph with
# quantisation written into it.
OPTIONAL_FILES = {'onnx_f16': 'model_f16.onnx', 'onnx_int8': 'model_int8.onnx'}
ALL_FILES = {**FILES, **OPTIONAL_FILES}
FORMAT = 1
KEYS = (
    'format', 'name', 'architecture', 'size_wh', 'channel_order', 'mean', 'std', 'input_scale',
    'classes', 'metrics', 'licence', 'files',
)  # fmt: skip
# The first model folders lack it; `ModelDescription` has the default.
OPTIONAL_KEYS = ('temperature',)
# The metadata key of the class count in the ONNX files that this package exports.
CLASSES_KEY = 'espnet_ros.classes'

_METADATA_FIELD = 14  # ModelProto.metadata_props
_CLASSIFIERS = ('encoder.classifier.weight', 'classifier.weight')


def description_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the content of a ``model.yaml``, one sentence each."""
    missing = [key for key in KEYS if key not in data]
    if missing:
        yield f'{DESCRIPTION} lacks {", ".join(missing)}'
    # A missing key may only be misspelt.
    yield from _unknown(data, (*KEYS, *OPTIONAL_KEYS), '', DESCRIPTION)
    if missing:
        return
    if data['format'] != FORMAT or isinstance(data['format'], bool):
        yield f'format must be {FORMAT}, got {data["format"]!r}: another version wrote it'
    if not is_size_wh(data['size_wh']):
        size = data['size_wh']
        yield f'size_wh must be two multiples of {STRIDE} up to {LARGEST}, got {size!r}'
    if data['channel_order'] != 'BGR':
        yield f"channel_order must be 'BGR', got {data['channel_order']!r}"
    if not _numbers(data['mean'], 3):
        yield f'mean must be three numbers, got {data["mean"]!r}'
    if not _numbers(data['std'], 3) or min(data['std']) <= 0:
        yield f'std must be three numbers above 0, got {data["std"]!r}'
    if not _numbers([data['input_scale']], 1) or data['input_scale'] <= 0:
        yield f'input_scale must be a number above 0, got {data["input_scale"]!r}'
    temperature = data.get('temperature', 1.0)
    if not _numbers([temperature], 1) or temperature <= 0:
        yield f'temperature must be a number above 0, got {temperature!r}'
    for key, kind in (('name', str), ('licence', str), ('metrics', dict)):
        if not isinstance(data[key], kind):
            yield f'{key} must be a {kind.__name__}, got {data[key]!r}'
    yield from _architecture_problems(data['architecture'], data['classes'])
    if isinstance(data['classes'], list):
        try:
            Labels.from_list(data['classes'])
        except BundleError as error:
            yield str(error)
    yield from _files_problems(data['files'])


def file_problems(folder: Path, data: Mapping[str, Any], roles: Iterable[str]) -> Iterator[str]:
    """Yield which files of a folder are missing, changed or of another class count.

    :param data: the content of its ``model.yaml``, which `description_problems` accepts.
    :param roles: the files to check.
    """
    count = len(data['classes'])
    for role in roles:
        name = ALL_FILES[role]
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            yield f'{name} cannot be read ({error.strerror})'
            continue
        digest, expected = hashlib.sha256(content).hexdigest(), data['files'][role]['sha256']
        if digest != expected:
            yield (
                f'{name} is not the file that {DESCRIPTION} was written for: {len(content)} bytes '
                f'with sha256 {digest[:12]}..., expected {expected[:12]}...'
            )
            continue
        found = classes_in(role, content)
        if found != count:
            yield f'{name} holds a model of {found or "unknown"} classes, expected {count}'


def classes_in(role: str, content: bytes) -> int | None:
    """Return the class count of a model file, or None if the file does not tell.

    :param role: ``weights`` (safetensors), ``onnx``, ``onnx_f16`` or ``onnx_int8``.
    :param content: the whole file.
    """
    try:
        return _in_safetensors(content) if role == 'weights' else _in_onnx(content)
    except (ValueError, IndexError, KeyError, TypeError):
        return None


def architecture_keys(name: str) -> tuple[str, ...]:
    """Return the keys that a description may have for an architecture."""
    keys = ('name', 'classes', 'alpha2', 'alpha3')
    return (*keys, 'skip', 'class_bias') if name == WHOLE else keys


def _unknown(
    given: Iterable[Any], known: Collection[str], prefix: str, owner: str
) -> Iterator[str]:
    """Yield the unknown keys, each with the nearest known one.

    :param prefix: put before each key in the message, e.g. ``files.``.
    :param owner: what the keys belong to, for the message.
    """
    for key in given:
        if key in known:
            continue
        near = nearest(str(key), known)
        hint = f'did you mean {near}?' if near else f'known are {", ".join(known)}'
        yield f'unknown key {prefix}{key} of {owner} ({hint})'


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _architecture_problems(architecture: Any, classes: Any) -> Iterator[str]:
    if not isinstance(architecture, dict):
        yield f'architecture must be a mapping, got {architecture!r}'
        return
    name = architecture.get('name')
    if not isinstance(name, str) or name not in ARCHITECTURES:
        yield (
            f'architecture.name must be one of {", ".join(ARCHITECTURES)}, got {name!r}: only '
            'networks of the ESPNet family run here'
        )
    else:
        yield from _unknown(architecture, architecture_keys(name), 'architecture.', name)
    for key in ('classes', 'alpha2', 'alpha3'):
        if not _is_count(architecture.get(key)):
            yield f'architecture.{key} must be a whole number, got {architecture.get(key)!r}'
    if name == WHOLE and architecture.get('skip') not in SKIPS:
        skip = architecture.get('skip')
        yield f'architecture.skip must be {" or ".join(SKIPS)}, got {skip!r}'
    if not isinstance(architecture.get('class_bias', False), bool):
        yield f'architecture.class_bias must be true or false, got {architecture["class_bias"]!r}'
    if not isinstance(classes, list):
        yield f'classes must be a list, got {classes!r}'
    elif architecture.get('classes') != len(classes):
        yield (
            f'architecture.classes is {architecture.get("classes")!r}, but {len(classes)} '
            'classes are named'
        )


def _files_problems(files: Any) -> Iterator[str]:
    named = files if isinstance(files, dict) else {}
    for role in ALL_FILES:
        if role in OPTIONAL_FILES and role not in named:
            continue
        if not isinstance(named.get(role), dict):
            yield f'files lacks {role}'
        elif not isinstance(named[role].get('sha256'), str):
            yield f'files.{role} lacks sha256'
    yield from _unknown(named, ALL_FILES, 'files.', DESCRIPTION)


def _in_safetensors(content: bytes) -> int | None:
    length = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + length])
    shapes = [header[key]['shape'] for key in _CLASSIFIERS if key in header]
    return int(shapes[0][0]) if shapes else None


def _in_onnx(content: bytes) -> int | None:
    for number, value in _fields(content):
        if number == _METADATA_FIELD:
            entry = dict(_fields(value))
            if entry.get(1) == CLASSES_KEY.encode():
                return int(entry[2])
    return None


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, content) of a protobuf message's length-delimited fields."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire_type = key & 7
        if wire_type == 0:
            _, at = _varint(message, at)
        elif wire_type == 2:
            size, at = _varint(message, at)
            yield key >> 3, message[at : at + size]
            at += size
        elif wire_type in (1, 5):
            at += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f'wire type {wire_type}')


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
