"""From an offer to a recorded file: where it goes, what is here already, fetching, checking."""
