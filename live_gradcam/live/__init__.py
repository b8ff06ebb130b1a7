"""What the presenter does: keys and mouse, and what comes of them."""
