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

# How long a process that fails waits for what the first one says, which fails at about that time.
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Processes:
    """One process among those that train together.

    :param rank: 0 is the one that writes files and says what happens.
    :param count: of all processes on all hosts.
    :param store: of torchrun, where they leave each other words; None for one process.
    """

    rank: int = 0
    count: int = 1
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def first(self) -> bool:
        """Tell whether this is the one that writes files."""
        return self.rank == 0

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that can't be shared evenly.

        :raises ParameterError: saying so.
        """
        if batch % self.count:
            raise ParameterError(
                f'batch must be a multiple of the {self.count} processes that share it, '
                f'got {batch}'
            )

    def share(self, network: nn.Module) -> nn.Module:
        """Return the network to train: gradients are averaged over all processes."""
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return what `function` makes of each item; the processes share the work.

        :param items: the same for all of them.
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
    """Let one process say what went wrong, if several fail over the same.

    :raises SystemExit: in place of an error that another process tells, or that comes of its end.
    :raises EspnetRosError: of the first process, if another one ended.
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
                'another process of this training ended, over an error of its own or killed: see '
                'what torchrun has of it'
            ) from error
        if _is_broken(error):
            # torchrun ends all when one ends: not before the one that failed has said why.
            time.sleep(PATIENCE_S)
        elif _told(processes) != describe(error):
            raise
        raise SystemExit(1) from None


def _tell(processes: Processes, error: Exception) -> None:
    # What keeps the words may be gone with the process that has ended.
    with suppress(RuntimeError):
        processes.store.set('error', describe(error))


def _told(processes: Processes) -> str | None:
    with suppress(RuntimeError):
        processes.store.wait(['error'], timedelta(seconds=PATIENCE_S))
        return str(processes.store.get('error').decode())
    return None


def _is_broken(error: Exception) -> bool:
    """Tell whether an error is of the connection to another process; gloo's have no type."""
    gloo = isinstance(error, RuntimeError) and 'gloo' in str(error)
    return gloo or isinstance(error, distributed.DistError)


def join() -> tuple[Processes, torch.device]:
    """Return this process's place, and the device it trains on.

    What torchrun set in the environment tells; without it, this process is alone.
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
