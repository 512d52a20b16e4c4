"""The `hinterland` command."""
