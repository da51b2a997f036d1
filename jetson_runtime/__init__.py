"""Samples -> aligned row -> outcomes -> message, every 5 ms."""

__version__ = "0.1.0"
