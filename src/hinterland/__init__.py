"""Hinterland: a backend that one command starts, and a client that keeps an app working without a network."""
