"""Rebuild the ONNX files of a model folder from its weights: float32, float16 and, if asked, int8.

It can fit the confidence and the biases of the classes to labelled images, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import output_file, path, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros export`."""
    parser.add_argument('model', help='a model folder or the name of a shipped model')
    parser.add_argument(
        '--output', type=path, required=True,
        help='model folder to write; may be the same, an existing one is replaced but for files '
        'that are no part of a model',
    )  # fmt: skip
    parser.add_argument(
        '--calibrate', metavar='SPEC',
        help='fit the temperature of the confidence on the split val of camvid:DIR, street:COUNT '
        'or a data.yaml; by default the one of the model stays',
    )  # fmt: skip
    parser.add_argument(
        '--class-bias', nargs='+', metavar='SPEC',
        help='fit a bias of each class for the greatest class mIoU on the split val of such '
        'datasets, each of which counts as much; needs --calibrate, as it changes the confidence',
    )  # fmt: skip
    parser.add_argument(
        '--int8', metavar='SPEC',
        help='write model_int8.onnx for TensorRT and OpenVINO, calibrated on the split train of '
        'such a dataset and compared on its split val; without it the folder has none',
    )  # fmt: skip
    parser.add_argument('--json', type=output_file, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Load the weights strictly, export, write and say what was written."""
    from espnet_ros.bundle import Bundle
    from espnet_ros.bundle_checks import ALL_FILES
    from espnet_ros.core.errors import ParameterError
    from espnet_ros.network.checkpoint import load_bundle
    from espnet_ros.network.export import write_bundle_like

    if args.class_bias and not args.calibrate:
        raise ParameterError('--class-bias changes the confidence: give --calibrate SPEC, too')
    # Only the weights have to be whole: a lost or damaged ONNX file is what this mends.
    source = Bundle.load(args.model, roles=('weights',))
    network, temperature = load_bundle(source), source.temperature
    lost = (source.path / ALL_FILES['onnx_int8']).exists()
    metrics = {k: v for k, v in source.metrics.items() if not k.startswith('int8_')}
    if args.class_bias:
        _add_class_bias(network, source, args.class_bias)
    if args.calibrate:
        temperature, fitted = _calibrated(network, source, args.calibrate)
        metrics.update(fitted)
    write = functools.partial(write_bundle_like, source, network, name=source.name,
                              metrics=metrics, temperature=temperature)  # fmt: skip
    if args.int8:
        bundle, int8 = _with_int8(write, args.output, args.int8)
    else:
        bundle = write(output=args.output)
        if lost:
            print(f'{ALL_FILES["onnx_int8"]} is left out: give --int8 SPEC to calibrate it anew')
    for role, file in bundle.files.items():
        print(f'{file}: {file.stat().st_size:,} bytes, sha256 {bundle.sha256[role]}')
    figures = {
        'path': str(bundle.path),
        'temperature': temperature,
        'sha256': dict(bundle.sha256),
        'int8': dataclasses.asdict(int8) if args.int8 else None,
    }
    write_json(args.json, figures)
    return 0


def _add_class_bias(network: Any, bundle: Any, specs: Sequence[str]) -> None:
    from espnet_ros.network.training.calibrate import add_class_bias, in_classes_of
    from espnet_ros.network.training.datasets import load_dataset

    datasets = [in_classes_of(bundle.labels, load_dataset(spec, 'val')) for spec in specs]
    found = add_class_bias(
        network, datasets, bundle.size_wh, bundle.mean, bundle.std, bundle.input_scale
    )
    named = zip(bundle.labels.names, found.bias, strict=True)
    print(f'biases of the classes: {", ".join(f"{name} {bias:+g}" for name, bias in named)}')
    print(found)


def _calibrated(network: Any, bundle: Any, spec: str) -> tuple[float, dict[str, float]]:
    """Return the temperature, and the metrics of `model.yaml` that go with it."""
    from espnet_ros.network.training.calibrate import calibrate, in_classes_of
    from espnet_ros.network.training.datasets import load_dataset

    samples = in_classes_of(bundle.labels, load_dataset(spec, 'val'))
    found = calibrate(
        network, samples, bundle.size_wh, bundle.mean, bundle.std, bundle.input_scale
    )
    print(found)
    return found.temperature, found.metrics


def _with_int8(write: Callable[..., Any], output: Path, spec: str) -> tuple[Any, Any]:
    from espnet_ros.network.export import check_can_write
    from espnet_ros.network.quantize import add_int8
    from espnet_ros.network.training.calibrate import in_classes_of
    from espnet_ros.network.training.datasets import load_dataset

    check_can_write(output)
    calibration = load_dataset(spec, 'train').samples
    val = load_dataset(spec, 'val')
    # Elsewhere first: what is in the output folder stays until int8 has been found good.
    with tempfile.TemporaryDirectory() as folder:
        bundle = write(output=Path(folder, 'model'))
        check = in_classes_of(bundle.labels, val)
        written, figures = add_int8(bundle, output, calibration, check)
    print(f'int8 on {spec}: {figures}')
    return written, figures
