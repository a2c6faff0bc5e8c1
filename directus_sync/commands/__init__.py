"""What each command does: one file a command, and what they share."""
