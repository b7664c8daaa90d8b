"""Pictures: the test card, a user's own, their figures, and the strip that is written."""
