"""TensorRT 10 and 11 or TensorRT for RTX, whichever is installed: one API, few differences."""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.libraries import how_to_get, import_library, installed

LIBRARIES = ('tensorrt', 'tensorrt_rtx')
# In Python the library has no error codes, only messages: its own, CUDA's, and those of the
# Jetsons' allocator (NvMap). Some about memory and device are only warnings.
MEMORY = re.compile(
    'out ?of ?memory|memory is insufficient|insufficient (memory|workspace)|'
    'within workspace limit|not enough (free )?memory|could not be allocated|NvMapMemAlloc',
    re.IGNORECASE,
)
DEVICE = re.compile('cuda (runtime|driver|failure|error|initialization)', re.IGNORECASE)
log = logging.getLogger('espnet_ros.tensorrt')

_OLDEST = 10


@dataclass(frozen=True)
class Library:
    """The library and what differs between its kinds.

    :param module: the Python package.
    :param name: for people, with the version.
    :param is_rtx: TensorRT for RTX: its engines hold no kernels yet; the first run compiles them
        for the GPU and keeps them in a runtime cache. Its timing cache does nothing.
    :param messages: the latest errors of the library, which its calls do not return, and its
        warnings about memory and device, which often give the reason.
    """

    module: Any
    name: str
    is_rtx: bool
    messages: deque[str]
    logger: Any

    def take_messages(self) -> str:
        """Return the errors since the last call, in one line."""
        text = '; '.join(dict.fromkeys(self.messages))
        self.messages.clear()
        return text or f'{self.name} gave no reason'


def load_library() -> Library:
    """Import the library.

    :raises BackendUnavailableError: if none is installed, or only one that is too old.
    """
    # Not cached: the package may have been uninstalled or changed since an earlier call.
    names = [name for name in LIBRARIES if installed(name)]
    if not names:
        raise BackendUnavailableError(
            f'backend tensorrt needs TensorRT {_OLDEST} or later, which is not installed: '
            f'{how_to_get("tensorrt")}; or choose another backend'
        )
    return _opened(import_library(names[0], 'backend tensorrt'))


@lru_cache(maxsize=2)
def _opened(module: Any) -> Library:
    """Wrap a module, once: the library keeps the first logger that it gets, for all threads."""
    is_rtx = module.__name__ == 'tensorrt_rtx'
    version = module.__version__
    if not is_rtx and int(version.partition('.')[0]) < _OLDEST:
        raise BackendUnavailableError(
            f'backend tensorrt needs TensorRT {_OLDEST} or later, {version} is installed: use '
            'JetPack 6.1 or later, or choose another backend'
        )
    messages: deque[str] = deque(maxlen=5)
    name = f'TensorRT for RTX {version}' if is_rtx else f'TensorRT {version}'
    return Library(module, name, is_rtx, messages, _logger(module, messages))


def _logger(module: Any, messages: deque[str]) -> Any:
    severity = module.ILogger.Severity

    class Log(module.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, level: Any, text: str) -> None:
            if level not in (severity.ERROR, severity.INTERNAL_ERROR, severity.WARNING):
                return
            if level != severity.WARNING or MEMORY.search(text) or DEVICE.search(text):
                messages.append(' '.join(text.split()))
            # Failures are raised with their messages; the rest helps those who build the model,
            # not those who run the robot.
            log.debug('%s', text)

    return Log()
