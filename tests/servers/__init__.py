"""Servers on loopback that answer as the real services do, with switches to misbehave."""
