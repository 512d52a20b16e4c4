"""`python -m hinterland` is the `hinterland` command."""

from __future__ import annotations

from hinterland.cli.main import main

if __name__ == "__main__":
    main()
