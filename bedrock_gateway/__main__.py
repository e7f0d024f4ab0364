"""`python -m bedrock_gateway`: the same as the command `bedrock-gateway`."""

from __future__ import annotations

import sys

from bedrock_gateway.cli import main

if __name__ == "__main__":
    sys.exit(main())
