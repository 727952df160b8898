"""Average models that continued training from one start: often better than any of them.

Give the models of several runs that differ in seed or learning rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from espnet_ros.cli.labelled import load_told
from espnet_ros.cli.options import path
from espnet_ros.cli.results import add_json, said_last
from espnet_ros.core.json_file import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros average`."""
    parser.add_argument(
        'models', nargs='+', metavar='MODEL',
        help='a model folder or the name of a shipped model; one that is named twice counts twice',
    )  # fmt: skip
    parser.add_argument(
        '--val', required=True, metavar='SPEC',
        help='camvid:DIR, street:COUNT or a data.yaml; the models are compared with their mean on '
        'its split val, which also calibrates the confidence of the mean',
    )  # fmt: skip
    parser.add_argument('--output', type=path, required=True, help='model folder to write')
    parser.add_argument('--name', help="the model's name (default: the output folder's)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Average, compare, and write the mean unless it is worse than every model."""
    from espnet_ros.bundle import Bundle
    from espnet_ros.core.metrics import percent
    from espnet_ros.network.export import check_can_write, write_bundle_like
    from espnet_ros.network.training.average import mean_network
    from espnet_ros.network.training.calibrate import calibrate, in_classes_of

    check_can_write(args.output)
    models = [Bundle.load(model, roles=('weights',)) for model in args.models]
    network = mean_network(models)
    samples = in_classes_of(models[0].labels, load_told(args.val, 'val'))
    mious = _compared(models, samples)
    found = calibrate(network, samples, models[0])
    with said_last() as said:
        said += [f'class mIoU {percent(miou)}: {path}' for path, miou in mious.items()]
        said.append(f'class mIoU {percent(found.miou)}: their mean; {found}')
        check_use(found.miou, list(mious.values()))
        write_bundle_like(
            models[0], network, args.output, args.name, found.metrics, found.temperature
        )
        said.append(f'{args.output}: written')
        figures = {'models': mious, 'temperature': found.temperature, **found.metrics}
        write_json(args.json, figures)
    return 0


def check_use(mean: float, mious: Sequence[float]) -> None:
    """Refuse the mean of models that have no start in common.

    :param mean: class mIoU of their mean, 0 to 1.
    :param mious: class mIoU of each, 0 to 1.
    :raises ParameterError: if the mean is worse than the worst of them.
    """
    from espnet_ros.core.errors import ParameterError
    from espnet_ros.core.metrics import percent

    if mean < min(mious):
        raise ParameterError(
            f'the mean has {percent(mean)} class mIoU, each of the models at least '
            f'{percent(min(mious))}: average only models that continued training from one start '
            '(train --start-from); nothing was written'
        )


def _compared(models: Sequence[Any], samples: Any) -> dict[str, float]:
    """Return the class mIoU of each model, 0 to 1, by its folder."""
    from espnet_ros.network.training.average import as_trained
    from espnet_ros.network.training.calibrate import calibrate

    once = {model.path: model for model in models}.values()
    return {str(m.path): calibrate(as_trained(m), samples, m).miou for m in once}
