"""Annotates archives: explains every frame of many files and writes it with its heat map."""
