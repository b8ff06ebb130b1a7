"""`python -m live_gradcam`."""

import sys

from live_gradcam.cli import main

if __name__ == "__main__":
    sys.exit(main())
