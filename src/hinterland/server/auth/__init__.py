"""The account operations, which know nothing of HTTP."""
