"""The process: how it ends, what native libraries print, and its environment."""
