"""The results of a verb: figures in a file for programs, text for people, each independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import output_file
from espnet_ros.core.json_file import write_json


def add_json(parser: Any, what: str = 'write the figures here') -> None:
    """Declare --json.

    :param parser: of the verb, or a group of its options.
    :param what: help.
    """
    parser.add_argument('--json', type=output_file, metavar='FILE', help=what)


def tell(
    file: Path | None,
    figures: Mapping[str, Any],
    say: Callable[[], object],
    *others: Callable[[], object],
) -> None:
    """Write figures, other files and text for people, each even if the others fail.

    The files come first, because the reader of what is printed may leave.

    :param file: of `--json`, None for none.
    :param others: write further files.
    """
    with ExitStack() as after:
        for step in (say, *reversed(others)):
            after.callback(step)
        write_json(file, figures)


@contextmanager
def said_last() -> Iterator[list[str]]:
    """Yield a list of lines that is printed at the end, even if the block fails."""
    lines: list[str] = []
    with ExitStack() as after:
        # Only after the files are written, because printing fails if nobody reads it.
        after.callback(lambda: print(*lines, sep='\n') if lines else None)
        yield lines
