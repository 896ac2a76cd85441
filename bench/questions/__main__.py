"""``python -m bench.questions``."""

import sys

from bench.questions.run import main

if __name__ == "__main__":
    sys.exit(main())
