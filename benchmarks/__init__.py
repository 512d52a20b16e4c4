"""Hinterland measured beside another backend that does the same work on the same machine: `make bench`."""
