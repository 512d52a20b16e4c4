"""Passwords, signing keys, tokens, sessions and rate limits; nothing here knows of HTTP."""
