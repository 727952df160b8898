"""The process in which one backend is measured: JSON lines in, JSON lines out.

The first line says what to load, each further one names a method of the job and its arguments.
An answer with ``error`` is the last one.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from typing import Any, TextIO

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.signals import ended_by_signals


def main() -> int:
    """Serve one parent process until it closes the pipe."""
    answers = _take_stdout()
    with ended_by_signals(), ExitStack() as stack:
        job: Any = None
        for line in sys.stdin:
            request = json.loads(line)
            try:
                if job is None:
                    # Not before the pipe is private: libraries print when they are imported.
                    from espnet_ros.benchmark.jobs import open_job

                    job = open_job(request, stack)
                    answer = job.facts
                else:
                    answer = getattr(job, request.pop('do'))(**request)
            except EspnetRosError as error:
                answer = {'error': str(error)}
            except Exception as error:
                answer = {'error': f'{type(error).__name__}: {error}'}
            print(json.dumps(answer), file=answers, flush=True)
            if 'error' in answer:
                return 1
    return 0


def _take_stdout() -> TextIO:
    """Return the pipe to the parent, and send what libraries print to stderr."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    return answers


if __name__ == '__main__':
    sys.exit(main())
