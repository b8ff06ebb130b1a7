"""Sinks of pictures: windows, recordings, snapshots, clips and virtual cameras."""
