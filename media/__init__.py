"""Makes bytes durable, verified, placed in time and playable."""
