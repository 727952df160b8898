"""The authors' way of running ESPNet, as every ratio's denominator.

Their script converts the whole image to floating point, normalises it at full size, resizes it,
divides it by 255 (if the weights need that), puts the channels first, runs eager PyTorch in
float32, and takes the argmax of the logits at network size.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from espnet_ros.backends.machine import processor_name
from espnet_ros.benchmark.plan import BASELINE
from espnet_ros.benchmark.timing import UPLOAD
from espnet_ros.bundle import Bundle
from espnet_ros.core.architecture import WHOLE
from espnet_ros.core.arrays import UInt8Array
from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.input_size import STRIDE
from espnet_ros.core.libraries import import_library


class Baseline:
    """The authors' loop for one model.

    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; auto takes CUDA if there is one.
    :raises BackendUnavailableError: if PyTorch, or the device, is not available.
    """

    def __init__(self, bundle: Bundle, size_wh: tuple[int, int], device: str = 'auto') -> None:
        self._torch: Any = import_library('torch', f'the {BASELINE}')
        import_library('safetensors', f'the {BASELINE}')
        from espnet_ros.network.checkpoint import load_bundle

        cuda = self._torch.cuda.is_available()
        if device.startswith('cuda') and not cuda:
            raise BackendUnavailableError(f'PyTorch sees no CUDA device for {device!r}')
        self._device = ('cuda' if cuda else 'cpu') if device == 'auto' else device
        self.precision = _precision(self._torch, self._device)
        self._network = load_bundle(bundle).to(self._device)
        self._whole = bundle.architecture['name'] == WHOLE
        self._bundle = bundle
        self._size_wh = size_wh

    @property
    def device(self) -> str:
        """Return the device with its name, as backends do."""
        if self._device == 'cpu':
            return f'CPU ({processor_name()})'
        return f'{self._device} ({self._torch.cuda.get_device_name(self._device)})'

    def segment(self, image_bgr: UInt8Array) -> tuple[UInt8Array, dict[str, float]]:
        """Return the class ids, uint8 (H, W) at network size, and the milliseconds by stage.

        :param image_bgr: uint8 (H, W, 3).
        """
        start = time.perf_counter()
        array = self._prepare(image_bgr)
        prepared = time.perf_counter()
        tensor = self._upload(array)
        uploaded = time.perf_counter()
        logits = self._run(tensor)
        inferred = time.perf_counter()
        ids: UInt8Array = logits[0].max(0)[1].byte().cpu().numpy()
        done = time.perf_counter()
        upload_ms = {UPLOAD: (uploaded - prepared) * 1e3} if self._device != 'cpu' else {}
        return ids, {
            'resize': (prepared - start) * 1e3,
            **upload_ms,
            'infer': (inferred - uploaded) * 1e3,
            'post': (done - inferred) * 1e3,
        }

    def _prepare(self, image_bgr: UInt8Array) -> npt.NDArray[np.float32]:
        image: Any = image_bgr.astype(np.float32)
        for channel in range(3):
            image[:, :, channel] -= self._bundle.mean[channel]
        for channel in range(3):
            image[:, :, channel] /= self._bundle.std[channel]
        image = cv2.resize(image, self._size_wh)
        if self._bundle.input_scale != 1.0:
            image *= np.float32(self._bundle.input_scale)
        return np.asarray(image.transpose((2, 0, 1)), np.float32)

    def _upload(self, array: npt.NDArray[np.float32]) -> Any:
        # The memory is not pinned, so the copy has ended when the call returns.
        return self._torch.from_numpy(array).unsqueeze(0).to(self._device)

    def _run(self, tensor: Any) -> Any:
        torch = self._torch
        with torch.no_grad():
            logits = self._network(tensor)
            if not self._whole:
                logits = torch.nn.functional.interpolate(
                    logits, scale_factor=STRIDE, mode='bilinear', align_corners=False
                )
            if self._device != 'cpu':
                torch.cuda.synchronize(self._device)
        return logits


def _precision(torch: Any, device: str) -> str:
    """Return the precision of eager float32 products: TF32 on GPUs from Ampere on, by default."""
    if device == 'cpu' or not torch.backends.cudnn.allow_tf32:
        return 'f32'
    return 'tf32' if torch.cuda.get_device_capability(device) >= (8, 0) else 'f32'
