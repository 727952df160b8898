"""The names of backends and precisions, shared by parameters and backends."""

from __future__ import annotations

# In the order in which backend auto tries them. PyTorch on a GPU comes before all, because unlike
# TensorRT it does not build for minutes at first.
BACKENDS = ('tensorrt', 'openvino', 'onnx', 'torch')
PRECISIONS = ('f32', 'bf16', 'f16', 'int8')
