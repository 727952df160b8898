"""The command `espnet_ros VERB`: picks the verb's module and turns errors into sentences."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Iterator, Sequence
from typing import NoReturn

from espnet_ros import __version__
from espnet_ros.core import libraries
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.signals import ended_by_signals

# Name -> summary. The module `espnet_ros.cli.<name>` is imported only when its verb is run, so
# that help is instant and a verb needs only its own libraries.
VERBS = {
    'demo': 'drive a camera past the real ROS 2 node and report what comes back',
    'segment': 'segment single pictures, without ROS',
    'import_checkpoint': "turn a checkpoint of the authors' code (.pth) into a model folder",
    'export': "rebuild a model's ONNX file from its weights",
    'train': 'train ESPNet on your own labelled pictures, CamVid, Cityscapes, the virtual street',
    'average': 'average models that continued training from one start',
    'evaluate': 'measure the class IoU of a model on labelled images, through any backend',
    'evaluate_costmap': 'compare costmaps with the truth, on the virtual street, without ROS',
    'benchmark': "measure how fast backends are on this machine, against the authors' way",
    'verify': 'check a backend on this device against the reference, for people and for CI',
    'check_nav2': "list the traps in a Nav2 parameter file that uses the node's outputs",
}

# The status of a process that the signal ends, by which other programs notice it.
_READER_LEFT = 128 + signal.SIGPIPE
_WORDS = 300


class _Parser(argparse.ArgumentParser):
    """An argument parser whose error message is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message} (see {self.prog} --help)\n')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    :param argv: without the program's name; by default the process's own.
    :raises SystemExit: where argparse ends it, and for SIGTERM and SIGHUP.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An ASCII terminal can't print every name, which is no reason to fail after the work.
        sys.stdout.reconfigure(errors='backslashreplace')
    status = 0
    try:
        with ended_by_signals(), _all_printed():
            status = _run(arguments)
        return status
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            # The reader of a pipe (head, less) left: no success, and a failure stays a failure.
            return status or _READER_LEFT
        words = _cure(error)
        if words is None:
            raise
        return _fail(words)


@contextlib.contextmanager
def _all_printed() -> Iterator[None]:
    """Print what is in the buffer, so that what can't be printed fails here, not at exit."""
    try:
        yield
    except BaseException:
        # That error is to be reported, even if nobody reads stdout.
        with contextlib.suppress(OSError):
            _flush()
        raise
    _flush()


def _flush() -> None:
    # None if the process was started without a stdout.
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try again at exit and complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _cure(error: Exception) -> str | None:
    """Return what the user can fix, and how; None for what is ours to fix."""
    if isinstance(error, EspnetRosError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f'{error.strerror} ({error.filename or "while writing"}): make room'
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}'
    # PyTorch loads system libraries by itself, so if one fails to load, it is an OSError.
    if isinstance(error, (ImportError, OSError)):
        return _cure_of_import(error)
    return None


def _cure_of_import(error: ImportError | OSError) -> str | None:
    missing = (error.name or '').partition('.')[0] if isinstance(error, ImportError) else ''
    if isinstance(error, ModuleNotFoundError) and missing in libraries.KNOWN:
        return libraries.absence('this', missing)
    library = _being_imported(error)
    # A library of a single binary file has no frames. A name that it lacks is a mistake of ours.
    known = library is None and missing in libraries.KNOWN
    if known and 'cannot import name' not in str(error):
        library = missing
    if library is None:
        return None
    words = textwrap.shorten(str(error), _WORDS, placeholder=' ...')
    return libraries.failed_load('this', library, words)


def _being_imported(error: Exception) -> str | None:
    """Return the library whose import raised the error, None if no import did."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        library = str(frame.f_globals.get('__name__')).partition('.')[0]
        if frame.f_code.co_name == '<module>' and library in libraries.KNOWN:
            return library
    return None


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
    # Only the verb: the options after it are for the verb's own parser.
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
