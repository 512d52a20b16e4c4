"""The account operations, one file each; they know nothing of HTTP."""
