"""Saved sessions: what a run took in, on disk, and its replay."""
