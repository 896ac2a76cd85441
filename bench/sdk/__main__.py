"""``python -m bench.sdk``."""

import sys

from bench.sdk.run import main

if __name__ == "__main__":
    sys.exit(main())
