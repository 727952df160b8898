"""Several GPUs, CPU sockets or hosts that train one model: PyTorch's data parallelism.

Started by torchrun, each process learns from its share of every batch, and the gradients are
averaged (`torch.nn.parallel.DistributedDataParallel`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from espnet_ros.core.errors import EspnetRosError, ParameterError, describe

Item = TypeVar('Item')
Result = TypeVar('Result')

# How long a failing process waits for the first one's error, which fails at about the same time.
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Processes:
    """One process among those that train together.

    :param rank: process 0 writes the files and reports what happens.
    :param count: of all processes on all hosts.
    :param store: torchrun's, where they leave each other messages; None for one process.
    """

    rank: int = 0
    count: int = 1
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes files."""
        return self.rank == 0

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that can't be shared evenly.

        :raises ParameterError: if `batch` is not a multiple of `count`.
        """
        if batch % self.count:
            raise ParameterError(
                f'batch must be a multiple of the {self.count} processes that share it, '
                f'got {batch}'
            )

    def share(self, network: nn.Module) -> nn.Module:
        """Return the network to train, whose gradients are averaged over all processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results of `function` for all items; the processes share the work.

        :param items: the same in every process.
        """
        mine = [function(item) for item in items[self.rank :: self.count]]
        if self.count == 1:
            return mine
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, mine)
        return [parts[index % self.count][index // self.count] for index in range(len(items))]

    def as_first(self, network: nn.Module) -> None:
        """Take the first process's tensors, e.g. batch statistics, which are not averaged."""
        if self.count > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)


@contextmanager
def one_voice(processes: Processes) -> Iterator[None]:
    """Let only one process report an error that several have.

    :raises SystemExit: if another process reports the error, or if its end caused it.
    :raises EspnetRosError: in the first process, if another process ended.
    """
    try:
        yield
    except Exception as error:
        if processes.count == 1:
            raise
        if processes.first:
            _tell(processes, error)
            if not _is_broken(error):
                raise
            raise EspnetRosError(
                'another process of this training failed or was killed: see what torchrun '
                'reports about it'
            ) from error
        if _is_broken(error):
            # torchrun ends all when one ends, so let the process that failed report first.
            time.sleep(PATIENCE_S)
        elif _told(processes) != describe(error):
            raise
        raise SystemExit(1) from None


def _tell(processes: Processes, error: Exception) -> None:
    # The store may be gone together with the process that ended.
    with suppress(RuntimeError):
        processes.store.set('error', describe(error))


def _told(processes: Processes) -> str | None:
    with suppress(RuntimeError):
        processes.store.wait(['error'], timedelta(seconds=PATIENCE_S))
        return str(processes.store.get('error').decode())
    return None


def _is_broken(error: Exception) -> bool:
    """Return whether the connection to a process failed; gloo has no error type of its own."""
    gloo = isinstance(error, RuntimeError) and 'gloo' in str(error)
    return gloo or isinstance(error, distributed.DistError)


def join() -> tuple[Processes, torch.device]:
    """Return this process's place, and the device that it trains on.

    Both come from torchrun's environment variables; without them, this process is alone.
    """
    cuda = torch.cuda.is_available()
    if 'TORCHELASTIC_RUN_ID' not in os.environ:
        return Processes(), torch.device('cuda' if cuda else 'cpu')
    store, rank, count = next(distributed.rendezvous('env://'))
    distributed.init_process_group(
        'nccl' if cuda else 'gloo', store=store, rank=rank, world_size=count
    )
    device = torch.device('cuda', int(os.environ['LOCAL_RANK'])) if cuda else torch.device('cpu')
    if cuda:
        torch.cuda.set_device(device)
    return Processes(rank, count, store), device


def leave() -> None:
    """Let the other processes go."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
