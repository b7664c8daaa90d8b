"""From the error text of a frontend to its cause, the channels involved and what cures it."""
