"""One candidate of a benchmark: its process, and its results in each round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from espnet_ros.benchmark.process import Worker, interrupts
from espnet_ros.core.errors import BackendError

# Building a TensorRT engine on a small board takes many minutes.
LOAD_S = 3600.0
_SLACK_S = 120.0
_SLOWDOWN = 20.0


class Contender:
    """A worker that may fail at any time: from then on, `reason` says why.

    A context manager, which ends the process.

    :param name: for messages and the name of the log.
    :param request: what to load, see `jobs.open_job`.
    :param folder: for the log.
    :param environment: added to this process's own.
    """

    def __init__(
        self,
        name: str,
        request: dict[str, Any],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.request = request
        self.facts: dict[str, Any] = {}
        self.rounds: list[dict[str, Any]] = []
        self.reason: str | None = None
        self.worker: Worker | None = None
        self._environment = environment
        self._log = folder / f'{name.replace(":", "_")}.log'

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=interrupts(kind))

    def load(self) -> None:
        """Start the process and load what it measures."""
        self.worker = Worker(self.name, self._log, self._environment)
        self.facts |= self._ask(self.request, LOAD_S)

    def ask(self, do: str, seconds: float = 0.0, **arguments: Any) -> None:
        """Have the worker do something, if it is still alive, and keep what it answers.

        :param do: a method of its job.
        :param seconds: how long that should take.
        """
        self.facts |= self._ask({'do': do, **arguments}, _SLACK_S + _SLOWDOWN * seconds)

    def turn(self, expected_s: float, **arguments: Any) -> None:
        """Have the worker measure for a round, if it is still alive.

        :param expected_s: how long that should take.
        """
        request = {'do': 'turn', **arguments}
        answer = self._ask(request, _SLACK_S + _SLOWDOWN * expected_s)
        if answer:
            self.rounds.append(answer)

    def close(self, at_once: bool = False) -> None:
        """End the process, see `Worker.close`."""
        if self.worker is not None:
            self.worker.close(at_once)
            self.worker = None

    def _ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        if self.worker is None or self.reason is not None:
            return {}
        try:
            return self.worker.ask(request, timeout_s)
        except BackendError as error:
            self.reason = ' '.join(str(error).split())
            self.close()
            return {}
