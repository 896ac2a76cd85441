"""``python -m bench.production``."""

import sys

from bench.production.run import main

if __name__ == "__main__":
    sys.exit(main())
