"""A head taught by the viewer: examples, the fit, what was learned, and the files."""
