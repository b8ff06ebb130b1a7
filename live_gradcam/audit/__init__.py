"""The audit: by what a network recognises each class, the thing or its background."""
