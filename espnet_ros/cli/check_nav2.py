"""List the traps in a Nav2 parameter file that uses the outputs of the node segmentation."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from espnet_ros.cli.options import path
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.labels import Labels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros check_nav2`."""
    parser.add_argument('file', type=path, metavar='FILE', help='for example nav2_params.yaml')
    parser.add_argument(
        '--model', help='shipped model or model folder; by default the one the node would run'
    )
    parser.add_argument(
        '--layers',
        action='append',
        default=[],
        metavar='FILE',
        help='file with parameters of the node segmentation (layers, cameras, grid.frame), which '
        'is checked, too: a path, or the name of a file in config/layers; repeat it for each '
        'further file, in the order of params_file and layers of the launch file',
    )
    add_json(parser, 'write the findings here')


def run(args: argparse.Namespace) -> int:
    """Print the findings; the status is 1 if there are any."""
    from espnet_ros.core.parameter_file import read_parameter_file
    from espnet_ros.nav2.check import check_parsed, own_model
    from espnet_ros.resources import layers_file

    own = [layers_file(given) for given in args.layers]
    files = [read_parameter_file(given) for given in (args.file, *own)]
    model, labels, notes = _labels(args.model, own_model(files))
    report = check_parsed(files[0], labels, model, *files[1:])
    notes += report.notes
    if not report.is_ours:
        notes.append(f'{args.file} uses nothing of the node segmentation')
    errors = sum(finding.severity == 'error' for finding in report.findings)
    figures = {
        'file': str(args.file),
        'model': model,
        'errors': errors,
        'warnings': len(report.findings) - errors,
        'findings': [dataclasses.asdict(finding) for finding in report.findings],
        'notes': notes,
    }
    tell(args.json, figures, lambda: _print(figures))
    return 1 if report.findings else 0


def _print(figures: dict[str, Any]) -> None:
    for finding in figures['findings']:
        print('{file}:{line}: {severity}: {problem}. Fix: {cure} [{check}]'.format(**finding))
    for note in figures['notes']:
        print(f'note: {note}')
    print(f'errors: {figures["errors"]}, warnings: {figures["warnings"]}')


def _labels(asked: str | None, own: str | None) -> tuple[str, Labels | None, list[str]]:
    """Return the model's name, its classes and notes; None for classes that are not available.

    :param asked: the model asked for.
    :param own: the one in the node's parameters.
    """
    from espnet_ros.bundle import Bundle
    from espnet_ros.core.config import NodeConfig
    from espnet_ros.nav2.value_types import is_filled_in

    wanted = asked or own
    if own and not asked and is_filled_in(own):
        return own, None, [f'class names are not checked: launch fills in the model for {own}']
    name = wanted or NodeConfig().model
    try:
        bundle = Bundle.load(name, roles=())
    except EspnetRosError as error:
        if wanted:
            raise
        return name, None, [f'class names are not checked: {error}']
    return bundle.name, bundle.labels, []
