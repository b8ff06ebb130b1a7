"""The demo: a pretend camera over a drawn desk."""
