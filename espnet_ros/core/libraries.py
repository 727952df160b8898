"""Python libraries that only some parts need: whether they are installed, how to get them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from espnet_ros.core.errors import BackendUnavailableError

_EXTRA = "`pip install '.[{}]'` in the checkout"
# Library -> the name of its pip package, if `pip install` is all it takes.
_PIP = {
    'onnx': 'onnx',
    'onnxruntime': 'onnxruntime',
    'openvino': 'openvino',
    'safetensors': 'safetensors',
    'tensorboard': 'tensorboard',
    'tensorrt_rtx': 'tensorrt-rtx-cu12',
    'tqdm': 'tqdm',
    'yaml': 'PyYAML',
}
# Library -> its own advice. On a Jetson, the pip package would not see the GPU, or would replace
# NVIDIA's build.
_ADVICE = {
    'av': _EXTRA.format('demo'),
    'cv2': '`apt install python3-opencv`, or `pip install opencv-python-headless`',
    'numpy': '`apt install python3-numpy`, or `pip install numpy`',
    'pytorch_optimizer': _EXTRA.format('train'),
    'rclpy': '`source /opt/ros/<distribution>/setup.bash`, or `make demo` in the checkout',
    'tensorrt': 'on a Jetson `sudo apt install python3-libnvinfer` (a virtual environment sees it '
    'if made with --system-site-packages), elsewhere `pip install tensorrt`',
    'torch': "on a Jetson NVIDIA's own build for its JetPack, elsewhere `pip install torch` or, "
    f'with everything that training needs, {_EXTRA.format("train")}',
}
KNOWN = frozenset({*_PIP, *_ADVICE})
# Library -> what of it is never imported; the library does without. OpenVINO's telemetry would
# tell Google Analytics of each start of a robot, by a fork that inherits the node's sockets and
# blocked signals, and that keeps the node from ending where the network does not answer.
_LEFT_OUT = {'openvino': 'openvino_telemetry'}


def installed(library: str) -> bool:
    """Return whether a Python library can be found, without importing it."""
    return importlib.util.find_spec(library) is not None


def how_to_get(*libraries: str) -> str:
    """Return instructions for installing Python libraries, all of `KNOWN`."""
    plain = [_PIP[library] for library in libraries if library in _PIP]
    pip = [f'`pip install {" ".join(plain)}`'] if plain else []
    own = [_ADVICE[library] for library in libraries if library not in _PIP]
    return ', and '.join(dict.fromkeys([*pip, *own]))


def absence(who: str, *libraries: str) -> str:
    """Return the message about libraries that are not installed.

    :param who: the part that needs them, e.g. ``backend onnx``.
    """
    are = 'library {}, which is' if len(libraries) == 1 else 'libraries {}, which are'
    named = are.format(' and '.join(libraries))
    return f'{who} needs the Python {named} not installed: {how_to_get(*libraries)}'


def failed_load(who: str, library: str, reason: str) -> str:
    """Return the message about a library that is installed but can't be imported.

    :param reason: the text of the error.
    """
    # pip does nothing if the library is installed already.
    again = f'remove it and install it again: {how_to_get(library)}'
    if library in _PIP:
        again = f'install it again: `pip install --force-reinstall {_PIP[library]}`'
    return (
        f'{who} needs the Python library {library}, which is installed but does not load '
        f'({reason}); {again}'
    )


def require(who: str, *libraries: str) -> None:
    """Check, without importing them, that libraries are installed.

    :param who: the part that needs them, e.g. ``int8``.
    :raises BackendUnavailableError: naming all that are missing, and how to get them.
    """
    missing = [library for library in libraries if not installed(library)]
    if missing:
        raise BackendUnavailableError(absence(who, *missing))


def import_library(library: str, who: str) -> ModuleType:
    """Import a library.

    :param who: the part that needs it, e.g. ``backend onnx``.
    :raises BackendUnavailableError: saying how to get it, or why it does not load.
    """
    require(who, library)
    if library in _LEFT_OUT:
        sys.modules.setdefault(_LEFT_OUT[library], None)  # type: ignore[arg-type]
    try:
        return importlib.import_module(library)
    except (ImportError, OSError) as error:
        raise BackendUnavailableError(failed_load(who, library, str(error))) from error
