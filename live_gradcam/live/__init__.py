"""The live view: what the viewer sees and does, the loops, and how a run is set up."""
