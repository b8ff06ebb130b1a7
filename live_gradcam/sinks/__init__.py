"""Sinks of pictures: windows, recordings, snapshots and clips."""
