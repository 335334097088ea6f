"""What both doors share: who is asking, how a refusal looks, the console's files."""
