"""The backend: one process, one write path, one log."""
