"""The worker, but two may share a stream: `python -m dlonflink.testing.twins NAME SOCKET`.

For tests alone, with a learner that does not mind: each has a state of its own, and learns the rows that come to it.
"""

from __future__ import annotations

import sys

from dlonflink.worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main(learners=2))
