"""How it is explained."""
