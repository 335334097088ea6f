"""The door for supervisors and reviewers: HTTP, nothing decided here."""
