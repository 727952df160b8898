"""A model folder (bundle): ``model.yaml``, ``weights.safetensors`` and ``model.onnx``.

``model_f16.onnx``, the same graph with the network in float16, and ``model_int8.onnx``, that one
with quantisation in it, may be there besides.

``model.yaml`` says everything a reader needs to run the model and carries the sha256 of the
other files, so a truncated download or a mixed-up folder is refused before it drives a robot.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet_ros.bundle_checks import (
    ALL_FILES,
    DESCRIPTION,
    FILES,
    FORMAT,
    KEYS,
    description_problems,
    file_problems,
)
from espnet_ros.core.errors import BundleError
from espnet_ros.core.labels import Labels
from espnet_ros.core.paths import home_path, write_file
from espnet_ros.core.yaml_file import syntax_errors, value_errors
from espnet_ros.resources import share_directory


@dataclass(frozen=True)
class Bundle:
    """A loaded and verified model folder.

    :param path: the folder.
    :param name: the model's name.
    :param architecture: ``{name, classes, alpha2, alpha3}``, for ``espnet`` also ``skip``, and
        ``class_bias`` where its classes have biases.
    :param size_wh: width and height of the image the model was trained for, multiples of 8.
    :param channel_order: of the image, always ``BGR``.
    :param mean: per channel, 0..255; the network sees ``(image - mean) / std * input_scale``.
    :param std: per channel, 0..255.
    :param input_scale: 1.0, or 1/255 for the published checkpoints.
    :param labels: the classes, void included where the model has it.
    :param metrics: what the model reached, as its makers wrote it down.
    :param licence: of the weights.
    :param files: role (``weights``, ``onnx``, ``onnx_f16`` and ``onnx_int8`` where they are
        there) -> path.
    :param sha256: role -> hexadecimal digest, as verified.
    :param temperature: confidence is that of softmax(logits / temperature); 1.0 if not named.
    """

    path: Path
    name: str
    architecture: Mapping[str, Any]
    size_wh: tuple[int, int]
    channel_order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_scale: float
    labels: Labels
    metrics: Mapping[str, Any]
    licence: str
    files: Mapping[str, Path]
    sha256: Mapping[str, str]
    temperature: float = 1.0

    @classmethod
    def load(
        cls, path_or_name: str | os.PathLike[str], roles: Sequence[str] | None = None
    ) -> Bundle:
        """Read and verify a model folder.

        :param path_or_name: a folder, or the name of a shipped model.
        :param roles: the files to verify and offer, the others may be missing: () for the
            description alone, None for all that it names.
        :raises BundleError: if anything is missing, changed or does not fit together; all
            offenders are listed.
        """
        folder = find_bundle(path_or_name)
        data = _read_description(folder)
        problems = list(description_problems(data))
        if not problems:
            if roles is None:
                roles = [role for role in ALL_FILES if role in data['files']]
            problems += file_problems(folder, data, roles)
        if problems:
            raise BundleError(
                f'model folder {folder} refused: {"; ".join(problems)}. Restore the folder from '
                'where it came, or write it again with `espnet_ros import_checkpoint`, '
                '`espnet_ros export` or `espnet_ros train`'
            )
        assert roles is not None
        width, height = data['size_wh']
        return cls(
            path=folder,
            name=data['name'],
            architecture=dict(data['architecture']),
            size_wh=(width, height),
            channel_order=data['channel_order'],
            mean=tuple(map(float, data['mean'])),
            std=tuple(map(float, data['std'])),
            input_scale=float(data['input_scale']),
            labels=Labels.from_list(data['classes']),
            metrics=dict(data['metrics']),
            licence=data['licence'],
            files={role: folder / ALL_FILES[role] for role in roles},
            sha256={role: data['files'][role]['sha256'] for role in roles},
            temperature=float(data.get('temperature', 1.0)),
        )


def shipped_models() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return sorted(p.parent.name for p in _models_folder().glob(f'*/{DESCRIPTION}'))


def find_bundle(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a model.

    :param name_or_path: a folder, or the name of a shipped model.
    :raises BundleError: if it is neither; the shipped names and the nearest one are named.
    """
    text = os.fspath(name_or_path)
    folder = home_path(text)
    # A folder that happens to be called like a shipped model must not hide it.
    if folder.is_dir() and (os.sep in text or (folder / DESCRIPTION).is_file()):
        return folder
    names = shipped_models()
    if text in names:
        return _models_folder() / text
    if folder.is_dir():
        return folder
    nearest = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
    raise BundleError(
        f'no model {text!r}: it is neither a folder nor one of the shipped models '
        f'({", ".join(names) or "none"})' + (f'; did you mean {nearest[0]!r}?' if nearest else '')
    )


def save_bundle(
    path: str | os.PathLike[str],
    *,
    architecture: Mapping[str, Any],
    size_wh: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    input_scale: float,
    labels: Labels,
    metrics: Mapping[str, Any],
    licence: str,
    contents: Mapping[str, bytes],
    name: str | None = None,
    temperature: float = 1.0,
) -> Bundle:
    """Write a model folder in one step: it is complete and verified, or not there.

    :param path: the folder, or a link to it; an existing one is replaced if it is a model folder
        or empty. What else is in it (notes, a card, the work of a training) stays.
    :param contents: role (``weights``, ``onnx``, if wanted ``onnx_f16``, ``onnx_int8``) -> what
        goes into the file.
    :param name: of the model; by default the folder's.
    :param temperature: as in the ONNX file.
    :raises BundleError: if `path` is something else or the parts do not fit together.
    :raises OSError: naming the file, if the disk is full.
    """
    named = home_path(path).absolute()
    check_replaceable(named)
    target = _real(named)
    description = {
        'format': FORMAT,
        'name': name or named.name,
        'architecture': dict(architecture),
        'size_wh': [int(v) for v in size_wh],
        'channel_order': 'BGR',
        'mean': [float(v) for v in mean],
        'std': [float(v) for v in std],
        'input_scale': float(input_scale),
        'temperature': float(temperature),
        'classes': labels.to_list(),
        # NumPy's scalars are no YAML; a training must not fail on its last step over that.
        'metrics': json.loads(json.dumps(dict(metrics), default=float)),
        'licence': licence,
        'files': {r: {'sha256': hashlib.sha256(c).hexdigest()} for r, c in contents.items()},
    }
    text = yaml.safe_dump(description, sort_keys=False, default_flow_style=None, width=99)
    written = {ALL_FILES[role]: content for role, content in contents.items()}
    work = _folder_beside(target)
    fresh, old = work / 'new', work / 'old'
    try:
        fresh.mkdir()
        for file, content in {**written, DESCRIPTION: text.encode()}.items():
            write_file(fresh / file, content, meant=target / file)
        Bundle.load(fresh)
        _replace(target, fresh, old)
    finally:
        if old.exists():
            _carry_over(old, target)
        shutil.rmtree(work, ignore_errors=True)
    return Bundle.load(named)


def check_replaceable(path: Path) -> None:
    """Refuse to write a model folder over anything but another one.

    :raises BundleError: if `path` is a file, or a folder with other things in it, or nothing may
        be written there.
    """
    nearest = next((p for p in _real(path).parents if p.exists()), path)
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise BundleError(
            f'{path} can not be written: {nearest} is no folder, is read-only, or is not yours; '
            'name another output folder'
        )
    if not path.exists() or (path / DESCRIPTION).is_file():
        return
    if not path.is_dir() or any(path.iterdir()):
        raise BundleError(
            f'{path} exists and is no model folder (no {DESCRIPTION} in it): it is left as it '
            'is; name another output folder'
        )


def _replace(target: Path, fresh: Path, old: Path) -> None:
    """Put a folder in the place of one that may be there, which comes back if that fails."""
    if not target.exists():
        fresh.rename(target)
        return
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError as error:
        with suppress(OSError):
            # Not where somebody else put one meanwhile, which then is the newer one.
            old.rename(target)
        raise BundleError(
            f'{target} can not be replaced ({error.strerror}): does another program write it?'
        ) from error


def _carry_over(old: Path, target: Path) -> None:
    """Move what is no part of a model from the replaced folder into the one in its place.

    :raises BundleError: if something can't be moved; it stays where it is, and that is said.
    """
    lost = []
    for entry in sorted(old.iterdir()):
        if entry.name in (DESCRIPTION, *ALL_FILES.values()):
            continue
        try:
            # Renaming would put a file in the place of another one without a word.
            if os.path.lexists(target / entry.name):
                raise FileExistsError
            entry.rename(target / entry.name)
        except OSError:
            lost.append(entry.name)
    if lost:
        raise BundleError(
            f'{", ".join(lost)} of the replaced {target} can not be moved into the new one: '
            f'look for it in {old}'
        )


def _real(path: Path) -> Path:
    """Return where a folder really is: a link to one is written through, not replaced."""
    return Path(os.path.realpath(home_path(path)))


def _folder_beside(target: Path) -> Path:
    """Make a folder to work in, on the file system of the target."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f'.{target.name}-', dir=target.parent))
    except OSError as error:
        raise BundleError(
            f'{target} can not be written ({error.strerror}): name another output folder'
        ) from error


def _models_folder() -> Path:
    folder: Path = share_directory() / 'models'
    return folder


def _read_description(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    try:
        content = file.read_bytes()
        with syntax_errors(file, BundleError), value_errors():
            data = yaml.load(content, getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    except OSError as error:
        raise BundleError(
            f'{folder} is no model folder: {DESCRIPTION} can not be read ({error.strerror}); '
            f'expected {DESCRIPTION}, {", ".join(FILES.values())}'
        ) from error
    if not isinstance(data, dict):
        raise BundleError(f'{file} is empty or no mapping: expected the keys {", ".join(KEYS)}')
    return data
