"""The command `espnet_ros VERB`: picks the verb's module and turns errors into sentences."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from espnet_ros import __version__
from espnet_ros.core.errors import EspnetRosError

# Name -> summary. The module `espnet_ros.cli.<name>` is imported only when its verb is run, so
# that help is instant and a verb needs nobody else's libraries.
VERBS = {
    'demo': 'drive a camera past the real ROS 2 node and report what comes back',
    'segment': 'segment single pictures, without ROS',
    'import_checkpoint': "turn a checkpoint of the authors' code (.pth) into a model folder",
    'export': "rebuild a model's ONNX file from its weights",
    'train': 'train ESPNet on your own labelled pictures, CamVid, Cityscapes, the virtual street',
    'average': 'the mean of models that were trained on from one start',
    'evaluate': 'class IoU of a model on labelled images, through any backend',
    'evaluate_costmap': 'the cost maps against the truth, on the virtual street, without ROS',
    'benchmark': "how fast backends are on this machine, beside the authors' way",
    'verify': 'check a backend on this device against the reference, for people and for CI',
    'check_nav2': "name the traps in a Nav2 parameter file that takes the node's outputs",
}

# Library -> what brings it.
_BRINGS = {
    'av': "`pip install '.[demo]'` in the checkout",
    'cv2': 'apt install python3-opencv, or pip install opencv-python-headless',
    'onnx': "`pip install '.[train]'` in the checkout",
    'pytorch_optimizer': "`pip install '.[train]'` in the checkout",
    'rclpy': 'source /opt/ros/<distribution>/setup.bash, or `make demo` in the checkout',
    'safetensors': "`pip install '.[train]'` in the checkout",
    'torch': "`pip install '.[train]'` in the checkout",
    'tqdm': 'pip install tqdm',
    'yaml': 'pip install PyYAML',
}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message} (see {self.prog} --help)\n')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    :param argv: without the program's name; by default the process's own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of ASCII can't print every name, which is no reason to fail after the work.
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        return _run(arguments)
    except EspnetRosError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        library = (error.name or '').partition('.')[0]
        if library not in _BRINGS:
            raise
        return _fail(f'this needs the Python library {library}: {_BRINGS[library]}')
    except BrokenPipeError:
        # The reader of a pipe (head, less) left; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _fail(f'{error.strerror} ({error.filename or "while writing"}): make room')
        if error.filename is None:
            raise
        return _fail(f'{error.filename}: {error.strerror}')
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    width = max(map(len, VERBS))
    parser = _Parser(
        prog='espnet_ros',
        description='Semantic segmentation of ordinary camera images for ROS 2.',
        epilog='verbs:\n' + '\n'.join(f'  {v:<{width}}  {s}' for v, s in VERBS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'espnet_ros {__version__}')
    parser.add_argument('verb', metavar='VERB', help='see below; espnet_ros VERB --help says more')
    # Only what comes before the verb's own options, which the verb knows best.
    verb = parser.parse_args(arguments[:1]).verb
    if verb not in VERBS:
        parser.error(f'no verb {verb!r}: expected one of {", ".join(VERBS)}')
    module = importlib.import_module(f'espnet_ros.cli.{verb}')
    verb_parser = _Parser(prog=f'espnet_ros {verb}', description=_sentence(module.__doc__))
    module.add_arguments(verb_parser)
    return int(module.run(verb_parser.parse_args(arguments[1:])))


def _sentence(docstring: str | None) -> str:
    return (docstring or '').strip().split('\n\n')[0]


def _fail(message: str) -> int:
    print(f'espnet_ros: {message}', file=sys.stderr)
    return 2
