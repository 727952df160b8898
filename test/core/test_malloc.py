import platform
import subprocess
import sys

import pytest


def run(code: str) -> 'subprocess.CompletedProcess[str]':
    # In a process of its own, as it can't be undone.
    code = f'from espnet_ros.core.malloc import tune_malloc\n{code}'
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)


def test_malloc_is_tuned_on_glibc():
    code = 'import platform\nprint(tune_malloc() == (platform.libc_ver()[0] == "glibc"))'
    assert run(code).stdout == 'True\n'


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='there is no mallopt')
def test_memory_of_images_is_kept_in_every_thread():
    code = (
        'import resource, threading\n'
        'tune_malloc()\n'
        'def images():\n'
        '    for _ in range(20):\n'
        '        [bytearray(40_000_000) for _ in range(2)]\n'
        'def faults():\n'
        '    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n'
        '    thread = threading.Thread(target=images)\n'
        '    thread.start()\n'
        '    thread.join()\n'
        '    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n'
        'faults()\n'
        'print(faults())\n'
    )
    # Given back, the forty blocks of 9766 pages would be asked for again.
    assert int(run(code).stdout) < 9766
