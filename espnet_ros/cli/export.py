"""Rebuild the ONNX files of a model folder from its weights: float32, float16 and, if asked, int8.

It can also fit the confidence and class biases to labelled images.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from espnet_ros.cli.labelled import load_told
from espnet_ros.cli.options import path
from espnet_ros.cli.results import add_json, said_last
from espnet_ros.core.json_file import write_json

# Loads a dataset by SPEC and split.
_Loader = Callable[[str, str], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros export`."""
    parser.add_argument('model', help='a model folder or the name of a shipped model')
    parser.add_argument(
        '--output', type=path, required=True,
        help='model folder to write, which may be the same; in an existing folder, only the files '
        'of a model are replaced',
    )  # fmt: skip
    parser.add_argument(
        '--calibrate', metavar='SPEC',
        help='fit the temperature of the confidence on the split val of camvid:DIR, street:COUNT '
        'or a data.yaml; by default the model keeps its own',
    )  # fmt: skip
    parser.add_argument(
        '--class-bias', nargs='+', metavar='SPEC',
        help='fit a bias of each class for the highest class mIoU on the split val of these '
        'datasets, all of equal weight; needs --calibrate, as it changes the confidence',
    )  # fmt: skip
    parser.add_argument(
        '--int8', metavar='SPEC',
        help='write model_int8.onnx for TensorRT and OpenVINO, calibrated on the split train of '
        'this dataset and checked on its split val; without this option the folder has none',
    )  # fmt: skip
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Load the weights strictly, export, write and say what was written."""
    from espnet_ros.bundle import Bundle
    from espnet_ros.bundle_checks import ALL_FILES
    from espnet_ros.network.checkpoint import load_bundle
    from espnet_ros.network.export import check_can_write, write_bundle_like

    check_can_write(args.output)
    # Only the weights must be intact: a lost or damaged ONNX file is written anew.
    source = Bundle.load(args.model, roles=('weights',))
    network = load_bundle(source)
    if args.class_bias:
        _check_class_bias(args, network)
    lost = (source.path / ALL_FILES['onnx_int8']).exists()
    # Several options may name the same dataset, whose pictures are read once and kept.
    load = functools.cache(load_told)
    if args.int8:
        _check_int8(args.int8, load)
    # What was fitted is printed even if the rest is refused.
    with said_last() as said:
        temperature, metrics = _fitted(args, network, source, load, said)
        write = functools.partial(write_bundle_like, source, network, name=source.name,
                                  metrics=metrics, temperature=temperature)  # fmt: skip
        if args.int8:
            bundle, int8 = _with_int8(write, args.output, args.int8, load)
            said.append(f'int8 on {args.int8}: {int8}')
        else:
            bundle = write(output=args.output)
            if lost:
                said.append(
                    f'{ALL_FILES["onnx_int8"]} is left out: give --int8 SPEC to calibrate it anew'
                )
        said += _listed(bundle)
        figures = {
            'path': str(bundle.path),
            'temperature': temperature,
            'sha256': dict(bundle.sha256),
            'int8': dataclasses.asdict(int8) if args.int8 else None,
        }
        write_json(args.json, figures)
    return 0


def _check_class_bias(args: argparse.Namespace, network: Any) -> None:
    from espnet_ros.core.errors import ParameterError
    from espnet_ros.network.training.calibrate import check_takes_bias

    if not args.calibrate:
        raise ParameterError('--class-bias changes the confidence: give --calibrate SPEC, too')
    check_takes_bias(network)


def _check_int8(spec: str, load: _Loader) -> None:
    """Refuse a dataset that can't show what int8 loses, or has nothing to calibrate it with."""
    from espnet_ros.network.training.datasets import check_labelled

    check_labelled(load(spec, 'val').samples, f'{spec} val')
    load(spec, 'train')


def _listed(bundle: Any) -> list[str]:
    return [
        f'{file}: {file.stat().st_size:,} bytes, sha256 {bundle.sha256[role]}'
        for role, file in bundle.files.items()
    ]


def _fitted(
    args: argparse.Namespace, network: Any, bundle: Any, load: _Loader, said: list[str]
) -> tuple[float, dict[str, Any]]:
    """Fit what the options name; return temperature and metrics.

    :param said: gets the lines to print.
    """
    metrics = {k: v for k, v in bundle.metrics.items() if not k.startswith('int8_')}
    if args.class_bias:
        said += _add_class_bias(network, bundle, args.class_bias, load)
    if not args.calibrate:
        return bundle.temperature, metrics
    found = _calibration(network, bundle, args.calibrate, load)
    said.append(str(found))
    return found.temperature, {**metrics, **found.metrics}


def _add_class_bias(network: Any, bundle: Any, specs: Sequence[str], load: _Loader) -> list[str]:
    """Give the network class biases; return the lines to print."""
    from espnet_ros.network.training.calibrate import add_class_bias, in_classes_of

    datasets = [in_classes_of(bundle.labels, load(spec, 'val')) for spec in specs]
    found = add_class_bias(network, datasets, bundle)
    named = zip(bundle.labels.names, found.bias, strict=True)
    biases = ', '.join(f'{name} {bias:+g}' for name, bias in named)
    return [f'class biases: {biases}', str(found)]


def _calibration(network: Any, bundle: Any, spec: str, load: _Loader) -> Any:
    from espnet_ros.network.training.calibrate import calibrate, in_classes_of

    return calibrate(network, in_classes_of(bundle.labels, load(spec, 'val')), bundle)


def _with_int8(
    write: Callable[..., Any], output: Path, spec: str, load: _Loader
) -> tuple[Any, Any]:
    """Write the model with an int8 graph; return it and what int8 loses."""
    from espnet_ros.network.quantize import add_int8
    from espnet_ros.network.training.calibrate import in_classes_of

    # Written elsewhere first: the output folder stays as it is until int8 has been accepted.
    with tempfile.TemporaryDirectory() as folder:
        bundle = write(output=Path(folder, 'model'))
        check = in_classes_of(bundle.labels, load(spec, 'val'))
        return add_int8(bundle, output, load(spec, 'train').samples, check)
