"""Engines of a model: from the cache if one fits, else built and stored there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from espnet_ros.backends import tensorrt_cache
from espnet_ros.backends.cuda_driver import Cuda, Gpu
from espnet_ros.backends.precision import LEAST_CAPABILITY, not_in_model, not_on_gpu
from espnet_ros.backends.tensorrt_builder import TURING, Profile, build_engine
from espnet_ros.backends.tensorrt_errors import failure
from espnet_ros.backends.tensorrt_library import Library, log
from espnet_ros.backends.tensorrt_progress import Listener
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendError, DeviceError

# Precision -> the file that has it.
ROLES = {'f32': 'onnx', 'f16': 'onnx_f16', 'int8': 'onnx_int8'}
# NVIDIA's support matrix of TensorRT for RTX has no int8 on Turing.
_LEAST_RTX = {**LEAST_CAPABILITY, 'int8': (8, 0)}


def resolve_precision(asked: str, bundle: Bundle, library: Library, gpu: Gpu | None) -> str:
    """Return the precision to compute in.

    ``auto`` is f16 if model and GPU have it, else f32; int8 costs accuracy and must be asked for
    by name.

    :param gpu: None for a build without one.
    :raises BackendUnavailableError: if model or GPU lacks the precision; it names the next best.
    """
    least = _LEAST_RTX if library.is_rtx else LEAST_CAPABILITY
    able = [n for n in ROLES if gpu is None or gpu.compute_capability >= least[n]]
    there = [n for n in able if ROLES[n] in bundle.files]
    if asked == 'auto':
        return 'f16' if 'f16' in there else 'f32'
    if asked in there:
        return asked
    before = list(ROLES)[: list(ROLES).index(asked)]
    best = next(name for name in reversed(before) if name in there)
    if asked not in able:
        assert gpu is not None
        raise not_on_gpu(library.name, asked, gpu.name, gpu.compute_capability, best)
    raise not_in_model('tensorrt', asked, bundle.name, best)


class Engines:
    """Engines of one model in one precision.

    :param cuda: the open device; None builds, without a GPU, for all that TensorRT for RTX
        supports.
    :param listener: called with the percentage of a build that is done, from any thread.
    """

    def __init__(
        self,
        library: Library,
        cuda: Cuda | None,
        bundle: Bundle,
        precision: str,
        listener: Listener | None = None,
    ) -> None:
        self._library = library
        self._cuda = cuda
        self._bundle = bundle
        self._precision = precision
        self._listener = listener

    def key(self, profile: Profile) -> Mapping[str, Any]:
        """Return everything that an engine depends on."""
        return {
            'library': self._library.name,
            'gpu': self._built_for(),
            'model': self._bundle.sha256[ROLES[self._precision]],
            'precision': self._precision,
            'profile': vars(profile),
        }

    def kernels_key(self, profile: Profile) -> Mapping[str, Any]:
        """Return everything that compiled kernels depend on: also the GPU that runs them."""
        assert self._cuda is not None
        return {**self.key(profile), 'gpu': vars(self._cuda.gpu)}

    def cached(self, profile: Profile) -> bytes | None:
        """Return an engine from the cache, or None."""
        return tensorrt_cache.load('engine', self.key(profile))

    def build(self, profile: Profile) -> tuple[bytes, bool]:
        """Build an engine; return it and whether it was stored, in place of an older one."""
        library = self._library
        log.warning(
            '%s builds an engine in %s for model %s and %dx%d images, up to %d at once. It takes '
            'minutes on a Jetson; the next start reuses it', library.name, self._precision,
            self._bundle.name, profile.width, profile.height, profile.batch,
        )  # fmt: skip
        measured = {'library': library.name, 'gpu': self._built_for()}
        timing = None if library.is_rtx else tensorrt_cache.load('timing', measured)
        model = self._bundle.files[ROLES[self._precision]].read_bytes()
        plan, timed = build_engine(library, model, profile, self._cuda, timing, self._listener)
        if timed:
            tensorrt_cache.store('timing', measured, timed)
        return plan, tensorrt_cache.store('engine', self.key(profile), plan)

    def load(self, runtime: Any, profile: Profile) -> Any:
        """Return an engine that is ready to run.

        :param runtime: TensorRT's.
        :raises BackendError: if it can't be built or loaded; a `DeviceError` if the device is the
            reason: the cached engine, which took minutes, may still be good.
        """
        plan = self.cached(profile)
        if plan is not None:
            try:
                return self._deserialize(runtime, plan, 'the cached engine')
            except DeviceError:
                raise
            except BackendError as error:
                log.warning('building the engine again: %s', error)
        return self._deserialize(runtime, self.build(profile)[0], 'the engine it built')

    def _deserialize(self, runtime: Any, plan: bytes, what: str) -> Any:
        self._library.messages.clear()
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise failure(self._library, f'could not load {what}', self._cuda, len(plan))
        return engine

    def _built_for(self) -> Mapping[str, Any]:
        if not self._library.is_rtx:
            assert self._cuda is not None
            return vars(self._cuda.gpu)
        # One engine of TensorRT for RTX fits all GPUs that it supports, except Turing.
        turing = self._cuda is not None and self._cuda.gpu.compute_capability == TURING
        return {'name': 'Turing' if turing else 'any RTX GPU from Ampere on'}
