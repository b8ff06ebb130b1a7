"""Threads with an owner, and what passes between them: the newest item, or all items in order."""
