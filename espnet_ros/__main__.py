"""Run `python -m espnet_ros`."""

from __future__ import annotations

import sys


def _main() -> int:
    try:
        from espnet_ros.cli.main import main

        return main()
    except KeyboardInterrupt:
        # Only a Ctrl-C during the import ends here.
        return 130


if __name__ == '__main__':
    sys.exit(_main())
