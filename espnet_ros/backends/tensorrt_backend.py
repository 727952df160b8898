"""TensorRT on a Jetson or a desktop GPU, without PyTorch: engines are built once and kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from espnet_ros.backends import tensorrt_cache
from espnet_ros.backends.base import Backend, UInt8Array
from espnet_ros.backends.cuda_driver import Cuda
from espnet_ros.backends.tensorrt_builder import Profile, build_engine
from espnet_ros.backends.tensorrt_library import load_library, log
from espnet_ros.backends.tensorrt_runner import Runner
from espnet_ros.core.errors import BackendError, BackendUnavailableError

_MAX_SHAPES = 4
_ROLES = {'f32': 'onnx', 'f16': 'onnx_f16'}


class TensorRTBackend(Backend):
    """Builds an engine for each image size when it first comes; `warm_up` is the time for it.

    An engine takes batches up to the largest one asked for so far; a larger one has it built anew.
    """

    name = 'tensorrt'
    device_kinds = ('cuda',)
    precisions = ('f32', 'f16')

    def _load(self, device: str, precision: str) -> tuple[str, str]:
        self._cuda: Cuda | None = None
        # By height and width, and by the shape of the batch.
        self._engines: dict[tuple[int, ...], tuple[Profile, Any]] = {}
        self._runners: dict[tuple[int, ...], Runner] = {}
        self._library = load_library()
        index = int(device.partition(':')[2] or 0)
        self._cuda = Cuda(index)
        self._gpu = self._cuda.gpu()
        resolved = self._resolve(precision)
        self._role = _ROLES[resolved]
        self._runtime = self._library.module.Runtime(self._library.logger)
        return f'cuda:{index} ({self._gpu.name}, {self._library.name})', resolved

    def _infer(self, images: UInt8Array) -> tuple[Any, Any]:
        runner = self._runners.pop(images.shape, None)
        if runner is not None:
            self._runners[images.shape] = runner
            return runner.run(images)
        if len(self._runners) == _MAX_SHAPES:
            self._drop(next(iter(self._runners)))
        assert self._cuda is not None
        self._cuda.use()
        profile, engine = self._engine(images.shape)
        key = self._key(profile)
        kernels = tensorrt_cache.load('kernels', key) if self._library.is_rtx else None
        runner = Runner(self._library, self._cuda, engine, images.shape, kernels)
        self._runners[images.shape] = runner
        result = runner.run(images)
        compiled = runner.compiled_kernels()
        if compiled and compiled != kernels:
            tensorrt_cache.store('kernels', key, compiled)
        return result

    def _free(self) -> None:
        if self._cuda is None:
            return
        with suppress(BackendError):
            # The one who frees may be another thread than the one who ran; or the GPU is lost.
            self._cuda.use()
        for shape in list(self._runners):
            self._drop(shape)
        self._engines = {}
        self._runtime = None
        self._cuda.close()
        self._cuda = None

    def _resolve(self, precision: str) -> str:
        there = [name for name, role in _ROLES.items() if role in self.bundle.files]
        if precision == 'auto':
            return there[-1]
        if precision not in there:
            raise BackendUnavailableError(
                f'backend {self.name} computes in {precision} from a file that model '
                f'{self.bundle.name} does not have: write the model folder again with '
                f'`espnet_ros export`, or choose precision {" or ".join(there)}'
            )
        return precision

    def _drop(self, shape: tuple[int, ...]) -> None:
        self._runners.pop(shape).close()
        size = shape[1:3]
        if not any(other[1:3] == size for other in self._runners):
            self._engines.pop(size, None)

    def _engine(self, shape: tuple[int, ...]) -> tuple[Profile, Any]:
        batch, height, width = shape[:3]
        size = (height, width)
        if size in self._engines and self._engines[size][0].batch >= batch:
            return self._engines[size]
        for other in [s for s in self._runners if s[1:3] == size]:
            self._drop(other)
        self._engines.pop(size, None)
        profile = Profile(batch, height, width)
        engine = self._from_cache(profile)
        if engine is None:
            engine = self._build(profile)
        self._engines[size] = (profile, engine)
        return profile, engine

    def _from_cache(self, profile: Profile) -> Any:
        key = self._key(profile)
        plan = tensorrt_cache.load('engine', key)
        engine = None if plan is None else self._deserialize(plan)
        if plan is not None and engine is None:
            log.warning('the cached engine is refused and built again: %s', self._why())
            tensorrt_cache.discard('engine', key)
        return engine

    def _build(self, profile: Profile) -> Any:
        log.warning(
            '%s builds an engine in %s for model %s and %dx%d images, up to %d at once. It takes '
            'minutes on a Jetson and is kept for the next start', self._library.name,
            self.precision, self.bundle.name, profile.width, profile.height, profile.batch,
        )  # fmt: skip
        measured = {'library': self._library.name, 'gpu': vars(self._gpu)}
        timing = None if self._library.is_rtx else tensorrt_cache.load('timing', measured)
        model = self.bundle.files[self._role].read_bytes()
        plan, timed = build_engine(self._library, model, profile, self._gpu, timing)
        if timed:
            tensorrt_cache.store('timing', measured, timed)
        tensorrt_cache.store('engine', self._key(profile), plan)
        engine = self._deserialize(plan)
        if engine is None:
            raise BackendError(f'{self._library.name} refuses the engine it built: {self._why()}')
        return engine

    def _deserialize(self, plan: bytes) -> Any:
        assert self._runtime is not None
        self._library.messages.clear()
        return self._runtime.deserialize_cuda_engine(plan)

    def _why(self) -> str:
        return self._library.take_messages()

    def _key(self, profile: Profile) -> Mapping[str, Any]:
        return {
            'library': self._library.name,
            'gpu': vars(self._gpu),
            'model': self.bundle.sha256[self._role],
            'precision': self.precision,
            'profile': vars(profile),
        }
