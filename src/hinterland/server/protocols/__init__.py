"""How operations are reached: HTTP with JSON, Server-sent events, and HTTP/1.1 below both. No room knows another."""
