"""A small trained checkpoint that draws coloured shapes: real parts, formats and calls, 2.3 MB."""
