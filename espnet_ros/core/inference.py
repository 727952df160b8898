"""What inference may be asked for, by the names that parameters and backends share."""

from __future__ import annotations

# In the order in which backend auto tries them, after PyTorch on a GPU, which unlike TensorRT does
# not build for minutes at first.
BACKENDS = ('tensorrt', 'openvino', 'onnx', 'torch')
PRECISIONS = ('f32', 'bf16', 'f16', 'int8')
