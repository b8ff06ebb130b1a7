"""What passes between threads: the newest item, or all items in order."""
