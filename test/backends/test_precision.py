from __future__ import annotations

from espnet_ros.backends.precision import not_in_model, not_on_gpu


def test_what_a_gpu_has_not_comes_with_the_next_best():
    error = not_on_gpu('backend torch', 'bf16', 'Xavier', (7, 2), 'f16')
    assert str(error) == (
        'backend torch does not compute in bf16 on Xavier (compute capability 7.2): choose '
        'precision f16, the next best here'
    )


def test_what_a_model_has_not_comes_with_the_option_that_writes_it():
    assert str(not_in_model('openvino', 'int8', 'mine', 'auto or f32')) == (
        'backend openvino computes in int8 from a file that model mine does not have: write the '
        'model folder again with `espnet_ros export --int8`, or choose precision auto or f32'
    )
    assert '`espnet_ros export`, or choose precision f32' in str(
        not_in_model('tensorrt', 'f16', 'mine', 'f32')
    )
