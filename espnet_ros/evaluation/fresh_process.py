"""Call a function in a process of its own, where nothing else takes time and memory."""

from __future__ import annotations

import base64
import json
import pickle
import queue
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from espnet_ros.core.child import Child
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.python_child import module_command

T = TypeVar('T')

# BLAS starts its threads when NumPy is imported.
_ONE_THREAD = {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
# Marks the answer after anything that the function has printed: ASCII's record separator.
_ANSWER = '\x1e'


def in_fresh_process(function: Callable[..., T], *args: Any) -> T:
    """Return what a function of a module returns in a process of its own, on one thread.

    Its output goes where this process prints, and so does the traceback if it fails.

    :raises EspnetRosError: if there is no answer, or with the message of one that it raised.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    command = module_command('espnet_ros.evaluation.fresh_process')
    child = Child('measuring', command, lines.put, environment=_ONE_THREAD)
    try:
        # Only this process may be able to find the function's module.
        child.say(json.dumps({'path': sys.path, 'call': _packed((function, args))}))
        while (line := lines.get()) is not None:
            printed, is_answer, answer = line.partition(_ANSWER)
            print(printed, end='', flush=True)
            if is_answer:
                result, problem = _unpacked(answer)
                if problem:
                    raise EspnetRosError(problem)
                return result
        raise EspnetRosError(f'the {child.name} process ended {child.how_it_ended()}')
    finally:
        child.end(0.0)


def main() -> int:
    """Answer one request."""
    request = json.loads(sys.stdin.readline())
    # Last, as the current folder may be among them.
    sys.path += [folder for folder in request['path'] if folder and folder not in sys.path]
    function, args = _unpacked(request['call'])
    try:
        answer = function(*args), ''
    except EspnetRosError as error:
        answer = None, str(error)
    print(f'{_ANSWER}{_packed(answer)}', flush=True)
    return 0


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value)).decode('ascii')


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))


if __name__ == '__main__':
    sys.exit(main())
