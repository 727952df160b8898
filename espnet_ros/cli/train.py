"""Train a model from scratch and write it as a bundle; a broken-off run goes on."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from espnet_ros.cli.options import size_wh


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros train`."""
    parser.add_argument(
        '--data', action='append', default=[], metavar='SPEC',
        help='camvid:DIR or street:COUNT; may be given several times',
    )  # fmt: skip
    parser.add_argument(
        '--taught', action='append', default=[], metavar='SPEC',
        help="like --data, where the teacher's opinion counts beside the truth",
    )  # fmt: skip
    parser.add_argument('--teacher', type=Path, metavar='MODEL', help='a model folder to ask')
    parser.add_argument('--val', required=True, metavar='SPEC', help='for choosing the best epoch')
    parser.add_argument('--work', type=Path, required=True, help='folder of checkpoints and log')
    parser.add_argument('--output', type=Path, required=True, help='model folder to write')
    parser.add_argument('--name', help="the model's name (default: the output folder's)")
    parser.add_argument(
        '--start-from',
        type=Path,
        metavar='MODEL',
        help='a model folder whose weights to go on from',
    )
    parser.add_argument('--epochs', type=int, default=60)
    parser.add_argument('--validate-every', type=int, default=5, metavar='EPOCHS')
    parser.add_argument('--alpha2', type=int, default=2, help='ESP modules at level 2')
    parser.add_argument('--alpha3', type=int, default=8, help='ESP modules at level 3')
    parser.add_argument('--crop', type=size_wh, default=(352, 288), metavar='WxH')
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--learning-rate', type=float, default=3e-3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Train, choose the best epoch on val, write the bundle."""
    import torch

    from espnet_ros.bundle import Bundle
    from espnet_ros.core.errors import ParameterError
    from espnet_ros.core.labels import CAMVID
    from espnet_ros.network.export import write_bundle_from_network
    from espnet_ros.network.training.datasets import load_dataset
    from espnet_ros.network.training.distillation import Teacher
    from espnet_ros.network.training.trainer import Recipe, Trainer

    labels = CAMVID
    if bool(args.taught) != bool(args.teacher):
        raise ParameterError('--taught and --teacher need each other: give both or neither')
    train = [sample for spec in args.data for sample in load_dataset(spec, 'train', labels)]
    for spec in args.taught:
        samples = load_dataset(spec, 'train', labels)
        train += [dataclasses.replace(sample, taught=True) for sample in samples]
    val = load_dataset(args.val, 'val', labels)
    recipe = Recipe(
        args.alpha2, args.alpha3, args.crop, args.batch, args.learning_rate, seed=args.seed
    )
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    teacher = Teacher(Bundle.load(args.teacher), labels, device) if args.teacher else None
    trainer = Trainer(train, val, len(labels), recipe, args.work, device, teacher)
    if args.start_from:
        trainer.start_from(Bundle.load(args.start_from))
    print(f'{len(train)} training and {len(val)} validation samples, from epoch {trainer.epoch}')
    trainer.run(args.epochs, args.validate_every)
    metrics = {'val_miou_void_ignored': round(trainer.best, 4)}
    height, width = val[0].truth.shape
    write_bundle_from_network(
        trainer.best_network(),
        architecture={
            'name': 'espnet', 'classes': len(labels), 'alpha2': recipe.alpha2,
            'alpha3': recipe.alpha3, 'skip': 'joined',
        },
        labels=labels, size_wh=(width, height), mean=trainer.mean, std=trainer.std,
        input_scale=1.0, metrics=metrics, licence='Apache-2.0',
        name=args.name or args.output.name, output=args.output,
    )  # fmt: skip
    print(f'{args.output}: class mIoU {trainer.best:.4f} on {args.val} (void ignored)')
    if args.json:
        args.json.write_text(json.dumps(metrics) + '\n')
    return 0
