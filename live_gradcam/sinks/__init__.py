"""Sinks of pictures: windows, recordings, snapshots, clips, virtual cameras and streams."""
