"""Channels: who is there, what they send each other, and by which rules; in one process or in several."""
