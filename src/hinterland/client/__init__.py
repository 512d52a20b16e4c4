"""The client layer: reaches a backend and keeps the app working without a network."""
