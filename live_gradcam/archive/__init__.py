"""Archives: every frame of many files, explained, drawn and written again."""
