"""A model folder (bundle): ``model.yaml``, ``weights.safetensors`` and ``model.onnx``.

Two more files are optional: ``model_f16.onnx``, the same graph with the network in float16, and
``model_int8.onnx``, the float16 graph with quantisation written into it.

``model.yaml`` says everything a reader needs to run the model and carries the sha256 of the
other files, so a truncated download or a mixed-up folder is refused before it drives a robot.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
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
from espnet_ros.core.model_description import ModelDescription
from espnet_ros.core.paths import home_path
from espnet_ros.core.spelling import nearest
from espnet_ros.core.whole_folder import real_path, write_folder
from espnet_ros.core.yaml_file import syntax_errors, value_errors
from espnet_ros.resources import share_directory


@dataclass(frozen=True, kw_only=True)
class Bundle(ModelDescription):
    """A loaded and verified model folder.

    :param path: the folder.
    :param files: role (``weights``, ``onnx``, and ``onnx_f16``, ``onnx_int8`` if they exist) ->
        path.
    :param sha256: role -> hexadecimal digest, as verified.
    """

    path: Path
    files: Mapping[str, Path]
    sha256: Mapping[str, str]

    @classmethod
    def load(
        cls, path_or_name: str | os.PathLike[str], roles: Sequence[str] | None = None
    ) -> Bundle:
        """Read and verify a model folder.

        :param path_or_name: a folder, or the name of a shipped model.
        :param roles: the files to verify and offer; the others may be missing. () is for the
            description alone, None for all files that it names.
        :raises BundleError: if anything is missing, changed or does not fit together; all
            problems are listed.
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
        return cls.from_dict(
            data,
            path=folder,
            files={role: folder / ALL_FILES[role] for role in roles},
            sha256={role: data['files'][role]['sha256'] for role in roles},
        )


def shipped_models() -> list[str]:
    """Return the names of the models that came with the package, sorted."""
    return sorted(p.parent.name for p in _models_folder().glob(f'*/{DESCRIPTION}'))


def find_bundle(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a model.

    :param name_or_path: a folder, or the name of a shipped model.
    :raises BundleError: if it is neither; the message lists the shipped names and, unless it is
        a file, suggests the nearest one.
    """
    text = os.fspath(name_or_path)
    folder = home_path(text)
    # A folder that happens to have the name of a shipped model must not hide it.
    if folder.is_dir() and (os.sep in text or (folder / DESCRIPTION).is_file()):
        return folder
    names = shipped_models()
    if text in names:
        return _models_folder() / text
    if folder.is_dir():
        return folder
    hint = ''
    if folder.is_file():
        hint = '; name the folder that holds it'
    elif near := nearest(text, names, 0.5):
        hint = f'; did you mean {near!r}?'
    raise BundleError(
        f'no model {text!r}: it is neither a folder nor one of the shipped models '
        f'({", ".join(names) or "none"}){hint}'
    )


def write_model_folder(
    path: str | os.PathLike[str], description: ModelDescription, contents: Mapping[str, bytes]
) -> Bundle:
    """Write a model folder in one step: afterwards it is complete and verified, or absent.

    :param path: the folder, or a link to it; an existing one is replaced if it is a model folder
        or empty. Other things in it (notes, a card, the work of a training) stay.
    :param description: describes the model in the files.
    :param contents: role (``weights``, ``onnx``, and if wanted ``onnx_f16``, ``onnx_int8``) ->
        content of the file.
    :raises BundleError: if `path` is something else or the parts do not fit together.
    :raises OSError: if the disk is full; it names the file.
    """
    folder = home_path(path).absolute()
    check_replaceable(folder)
    data = {'format': FORMAT, **description.to_dict()}
    data['name'] = data['name'] or folder.name
    data['files'] = {r: {'sha256': hashlib.sha256(c).hexdigest()} for r, c in contents.items()}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=99).encode()
    # Check the description as `load` will read it.
    data = _parse_description(folder / DESCRIPTION, text)
    _refuse_to_write(folder, description_problems(data))
    files = {ALL_FILES[role]: content for role, content in contents.items()}
    write_folder(
        folder,
        {**files, DESCRIPTION: text},
        (*ALL_FILES.values(), DESCRIPTION),
        lambda fresh: _refuse_to_write(folder, file_problems(fresh, data, contents)),
    )
    return Bundle.load(folder)


def save_bundle(
    path: str | os.PathLike[str], *, contents: Mapping[str, bytes], **description: Any
) -> Bundle:
    """Write a model folder as `write_model_folder` does.

    :param description: the arguments of a `ModelDescription`.
    """
    return write_model_folder(path, ModelDescription(**description), contents)


def check_replaceable(path: Path) -> None:
    """Refuse to write a model folder over anything but another one.

    :raises BundleError: if `path` is a file, a folder that holds other things, or a mount point,
        or if it can't be written.
    """
    real = real_path(path)
    is_model = (real / DESCRIPTION).is_file()
    if real.exists() and not is_model and (not real.is_dir() or any(real.iterdir())):
        raise BundleError(
            f'{path} exists and is not a model folder (no {DESCRIPTION} in it): it is left as it '
            'is; name another output folder'
        )
    if os.path.ismount(real):
        raise BundleError(
            f'{path} cannot be replaced, because something is mounted there (a container volume, '
            f'a disk): name a folder inside it, e.g. {path / "model"}'
        )
    there = next((p for p in real.parents if p.exists()), real)
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise BundleError(
            f'{path} cannot be written: {there} is not a folder, is read-only, or is not yours; '
            'name another output folder'
        )


def _models_folder() -> Path:
    folder: Path = share_directory() / 'models'
    return folder


def _refuse_to_write(folder: Path, problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise BundleError(f'no model was written to {folder}: {"; ".join(found)}')


def _read_description(folder: Path) -> dict[str, Any]:
    try:
        content = (folder / DESCRIPTION).read_bytes()
    except OSError as error:
        raise BundleError(
            f'{folder} is not a model folder: {DESCRIPTION} cannot be read ({error.strerror}); '
            f'expected {DESCRIPTION}, {", ".join(FILES.values())} of a network of the ESPNet '
            'family, the only kind that runs here'
        ) from error
    return _parse_description(folder / DESCRIPTION, content)


def _parse_description(file: Path, content: bytes) -> dict[str, Any]:
    with syntax_errors(file, BundleError), value_errors():
        data = yaml.load(content, getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    if not isinstance(data, dict):
        raise BundleError(
            f'{file} is empty or not a mapping: expected the keys {", ".join(KEYS)}'
        )
    return data
