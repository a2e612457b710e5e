"""``python -m framecloak`` is the command ``framecloak``: a process starts more of its kind with it."""

from __future__ import annotations

import sys

from framecloak.entrypoints.cli.main import main

sys.exit(main())
