"""The command line: one file a verb, one object that writes all output."""
