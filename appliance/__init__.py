"""Naesil: an on-premise AI assistant that never leaves the building."""

__version__ = "0.1.0"
