"""Changes to other programs' files: planned first, written whole, undone on request."""
