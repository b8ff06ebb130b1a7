"""Saved sessions: the input of a run, stored on disk, and its replay."""
