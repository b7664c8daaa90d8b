"""What runs inside the frontends, tried against small stand-ins that behave as the frontends do."""
