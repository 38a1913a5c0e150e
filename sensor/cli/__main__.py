"""``python -m sensor.cli``."""

import sys

from sensor.cli.app import main

sys.exit(main())
