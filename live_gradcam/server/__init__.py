"""The browser view: one model explains the pictures of pages and programs."""
