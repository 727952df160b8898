"""Segment single pictures, without ROS.

For each picture: NAME_mask.png (grey, the value is the class_id, 255 where there is none) and
NAME_overlay.png (the class colours over the picture).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import (
    add_inference_options,
    check_output_folder,
    path,
    size_wh,
)
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.errors import DatasetError, ParameterError

SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros segment`."""
    parser.add_argument(
        'images', nargs='*', type=path, metavar='IMAGE', help='pictures, or folders of them'
    )
    add_inference_options(parser)
    parser.add_argument(
        '--size', type=size_wh, metavar='WxH', help="size of the network input (the model's own)"
    )
    parser.add_argument(
        '--build-only', action='store_true',
        help='only build and keep the TensorRT engine, e.g. while making a disk image for robots',
    )  # fmt: skip
    parser.add_argument(
        '--batch', type=int, default=1, choices=range(1, 17), metavar='N',
        help='with --build-only: the most images at once, one for each camera of the node (1)',
    )  # fmt: skip
    parser.add_argument(
        '--output', type=path, default='output/segment', help='folder to write (output/segment)'
    )
    add_json(parser, 'write class shares and times here')


def run(args: argparse.Namespace) -> int:
    """Segment the pictures and print where the results are."""
    if args.build_only:
        return _build(args)
    if not args.images:
        raise ParameterError('name at least one picture to segment, or --build-only')
    if args.batch != 1:
        raise ParameterError('--batch goes with --build-only: pictures are segmented one by one')
    return _segment(args)


def _build(args: argparse.Namespace) -> int:
    from espnet_ros.backends.tensorrt_backend import build_ahead
    from espnet_ros.bundle import Bundle

    if args.backend not in ('auto', 'tensorrt'):
        raise ParameterError(
            f'--build-only is for backend tensorrt, got {args.backend!r}, which builds no engine '
            'to keep'
        )
    bundle = Bundle.load(args.model)
    size = args.size or bundle.size_wh
    what, built = build_ahead(bundle, args.device, args.precision, size, args.batch)
    words = f'{"built and kept" if built else "already there"}: {what}'
    tell(args.json, {'engine': what, 'built': built}, lambda: print(words))
    return 0


def _segment(args: argparse.Namespace) -> int:
    from espnet_ros.backends.open_model import open_model
    from espnet_ros.core.picture_file import is_turned, turned_note

    images = _pictures(args.images)
    _check(images, args.output, args.json)
    figures: list[dict[str, Any]] = []
    refused: list[DatasetError] = []
    left: BrokenPipeError | None = None
    turned: list[Path] = []
    with open_model(
        args.model, args.backend, args.device, args.precision, args.size
    ) as model:
        for path in images:
            # A damaged picture, or a reader of the names who leaves, must not cost other masks.
            try:
                figures.append(_segment_one(path, args.output, model))
                if is_turned(path):
                    turned.append(path)
                print(*_files(args.output, path), sep='\n')
            except DatasetError as error:
                refused.append(error)
            except BrokenPipeError as error:
                left = error
    if note := turned_note(turned, len(figures), 'pictures'):
        print(note, file=sys.stderr)
    found = {'model': model.bundle.name, 'images': figures}
    tell(args.json, found, lambda: _check_all_done(refused, len(images)))
    if left is not None:
        raise left
    return 0


def _segment_one(path: Path, output: Path, model: Any) -> dict[str, Any]:
    """Write the mask and the overlay of a picture; return its figures.

    :raises DatasetError: if it can't be read.
    """
    from espnet_ros.core.picture_file import read_picture, write_picture
    from espnet_ros.core.visualize import overlay

    image = read_picture(path)
    result, labels = model.segmenter.segment(image), model.bundle.labels
    drawn = result.mask, overlay(image, result.mask, labels)
    output.mkdir(parents=True, exist_ok=True)
    for file, pixels in zip(_files(output, path), drawn, strict=True):
        write_picture(file, pixels)
    return _figures(path, result, labels)


def _check_all_done(refused: Sequence[DatasetError], count: int) -> None:
    """Raise the errors of all refused pictures as one."""
    if len(refused) == 1:
        raise refused[0]
    if refused:
        shown = [str(error) for error in refused[:SHOWN]]
        if len(refused) > SHOWN:
            shown.append(f'and {len(refused) - SHOWN} more')
        raise DatasetError(
            f'{len(refused)} of {count} pictures are not segmented:\n  ' + '\n  '.join(shown)
        )


def _pictures(paths: list[Path]) -> list[Path]:
    """Return the paths, with each folder replaced by the pictures in it."""
    from espnet_ros.core.picture_file import pictures_in

    return [p for path in paths for p in (pictures_in(path) if path.is_dir() else [path])]


def _files(output: Path, picture: Path) -> tuple[Path, Path]:
    """Return where the mask and the overlay of a picture go."""
    return output / f'{picture.stem}_mask.png', output / f'{picture.stem}_overlay.png'


def _check(paths: list[Path], output: Path, figures: Path | None) -> None:
    # Not left to argparse, which would also check it for --build-only, which writes nothing there.
    check_output_folder('--output', output)
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise DatasetError(f'no such pictures: {", ".join(missing)}')
    stems = [path.stem for path in paths]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ParameterError(
            f'pictures of the same name would overwrite each other: {", ".join(twice)}; segment '
            'them into different --output folders'
        )
    _refuse_to_overwrite(paths, [file for path in paths for file in _files(output, path)], figures)


def _refuse_to_overwrite(paths: list[Path], masks: list[Path], figures: Path | None) -> None:
    """Raise if a picture, or a file beside pictures that may be their label, would be lost."""
    pictures = {_identity(path) for path in paths}
    folders = {_identity(place.parent) for path in paths for place in (path, path.resolve())}
    there = [file for file in (*masks, *([figures] if figures else [])) if file.exists()]
    lost = [
        file for file in there
        if _identity(file) in pictures
        or (file != figures and _identity(file.resolve().parent) in folders)
    ]  # fmt: skip
    if lost:
        more = f' and {len(lost) - SHOWN} more' if len(lost) > SHOWN else ''
        raise ParameterError(
            f'{", ".join(map(str, lost[:SHOWN]))}{more} would be overwritten. Each is a picture '
            'to segment, or lies beside one and may be its label: give another --output or '
            '--json, or move it away'
        )


def _identity(path: Path) -> tuple[int, int]:
    """Return what identifies a file whatever its name, so also in other case and through links."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _figures(path: Path, result: Any, labels: Any) -> dict[str, Any]:
    from espnet_ros.core.labels import UNLABELED

    ids = {c.name: i for i, c in enumerate(labels) if c.kind != 'void'} | {'UNLABELED': UNLABELED}
    shares = {n: round(float((result.mask == i).mean()), 4) for n, i in ids.items()}
    return {'image': str(path), 'class_share': shares, 'stage_ms': result.stage_ms}
