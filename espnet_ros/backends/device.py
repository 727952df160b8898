"""The devices that backends are asked for by name."""

from __future__ import annotations

from dataclasses import dataclass

from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.parameter_checks import DEVICE


@dataclass(frozen=True)
class Device:
    """A device as asked for.

    :param kind: ``auto``, ``cpu`` or ``cuda``.
    :param index: which of the CUDA devices; 0 where none is named.
    """

    kind: str
    index: int = 0

    @classmethod
    def parse(cls, name: str) -> Device:
        """Read ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        :raises BackendUnavailableError: for the name of no device, naming what is.
        """
        if not DEVICE.fullmatch(name):
            raise BackendUnavailableError(
                f'device must be auto, cpu, cuda or cuda:N, got {name!r}'
            )
        # Longer numbers are to libraries not even those of a device that is not there.
        if len(name) > len('cuda:99'):
            raise BackendUnavailableError(
                f'device must be cuda:N with an N of one or two digits, got {name!r}: choose one '
                'of those that `nvidia-smi -L` lists'
            )
        kind, _, index = name.partition(':')
        return cls(kind, int(index or 0))
