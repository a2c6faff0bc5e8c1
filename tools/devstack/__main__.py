"""Entry point of `python -m tools.devstack`; see cli.py."""

import sys

from tools.devstack.cli import main

sys.exit(main(sys.argv[1:]))
