"""`scr-live` and `python -m scr_live`."""

import sys

from scr_live.cli import main

if __name__ == "__main__":
    sys.exit(main())
