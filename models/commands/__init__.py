"""The subcommands of `second-skin-lab`, by what they are about; cli.py puts them together."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
