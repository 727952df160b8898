import subprocess
import sys


def test_malloc_is_tuned_on_glibc():
    # In a process of its own, which is not to be undone.
    code = (
        'from espnet_ros.core.memory import tune_malloc\n'
        'import platform, sys\n'
        'sys.exit(0 if tune_malloc() == (platform.libc_ver()[0] == "glibc") else 1)\n'
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0
