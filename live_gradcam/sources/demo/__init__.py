"""The demo: a simulated camera over a drawn desk."""
