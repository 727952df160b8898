"""The files of one run: ``last.pt``, ``best.pt`` and ``log.jsonl``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.state import check_state, read_state, write_state

BEST_CURE = 'move it away: the best epoch from here on takes its place'


class RunFolder:
    """Where a run keeps its last epoch, its best epoch and its log.

    :ivar path: the folder.
    :param recipe: its files must have this recipe.
    :param classes: its files must have these class names, in this order.
    """

    def __init__(self, path: Path, recipe: Recipe, classes: Sequence[str]) -> None:
        self.path = path
        self.last, self.best = path / 'last.pt', path / 'best.pt'
        self._log = path / 'log.jsonl'
        self._recipe, self._classes = recipe, classes
        # Identifies the run: its folder may hold another run's best.pt, if only the last.pt was
        # moved away. Not drawn with the recipe's seed.
        self._run: str | None = uuid.uuid4().hex

    def read_last(self, device: torch.device) -> dict[str, Any] | None:
        """Return what `write` wrote for the last epoch; None if there is none.

        :raises CheckpointError: as `read_state` and `check_state`.
        """
        if not self.last.exists():
            return None
        state = read_state(self.last, device)
        check_state(self.last, state, self._recipe, self._classes)
        # Files of earlier versions have none.
        self._run = state.get('run')
        return state

    def read_best(self) -> dict[str, Any] | None:
        """Return what `write` wrote for the best epoch, on the CPU; None if there is none.

        A file of another run, see `is_of_this_run`, may have any recipe and classes.

        :raises CheckpointError: as `read_state` and, if it is of this run, `check_state`.
        """
        if not self.best.exists():
            return None
        state = read_state(self.best, torch.device('cpu'), BEST_CURE)
        if self.is_of_this_run(state):
            check_state(self.best, state, self._recipe, self._classes)
        return state

    def is_of_this_run(self, state: Mapping[str, Any]) -> bool:
        """Return whether a best epoch is of this run, not left here by another one."""
        return state.get('run') == self._run

    def write(self, path: Path, state: Mapping[str, Any]) -> None:
        """Replace `last` or `best`.

        :raises CheckpointError: as `write_state`.
        """
        names = {'classes': list(self._classes), 'run': self._run}
        write_state(path, self._recipe, {**state, **names})

    def is_logged(self, row: Mapping[str, Any]) -> bool:
        """Return whether the log has a row; remove a line that a kill left incomplete."""
        text = self._log.read_text() if self._log.exists() else ''
        whole, newline, torn = text.rpartition('\n')
        if torn:
            self._log.write_text(whole + newline)
        return json.dumps(row) in whole.splitlines()

    def log(self, row: Mapping[str, Any]) -> None:
        """Add a row to the log."""
        with self._log.open('a') as log:
            log.write(json.dumps(row) + '\n')
