"""How operations are reached: HTTP with JSON, and Server-sent events."""
