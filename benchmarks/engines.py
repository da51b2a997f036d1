"""`second-skin bench engines` from a checkout: .venv/bin/python benchmarks/engines.py [--help]"""

from __future__ import annotations

import sys

from jetson_runtime import cli

if __name__ == "__main__":
    sys.exit(cli.main(["bench", "engines", *sys.argv[1:]]))
