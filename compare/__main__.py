"""``python -m compare``: the command line."""

import sys

from compare.studies.cli.main import main

sys.exit(main())
