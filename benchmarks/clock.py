"""`second-skin bench clock` from a checkout: .venv/bin/python benchmarks/clock.py [--help]"""

from __future__ import annotations

import sys

from jetson_runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["bench", "clock", *sys.argv[1:]]))
