"""Which recording shows which step, and what the law wanted recorded and was not."""
