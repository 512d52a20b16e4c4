"""The command `hinterland`."""

from __future__ import annotations

import sys

NEEDS_SERVER = "this command needs the server's packages; install hinterland with the extra 'server'"


def main() -> None:
    """Run the command line; what an app's own installation lacks is said in one line."""
    try:
        from hinterland.cli.commands import cli
    except ImportError as error:
        print(f"{NEEDS_SERVER}\n({error})", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    cli()
