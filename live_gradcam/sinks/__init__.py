"""Sinks of pictures: windows, recordings and snapshots."""
