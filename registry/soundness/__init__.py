"""Whether weights are whole, and what they are: health, content digest, one pass over the file."""
