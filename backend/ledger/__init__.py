"""The append-only log of all that happened to evidence."""
