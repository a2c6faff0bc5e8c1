"""The parts of messages and of SQL text: numbers and lists in words, hints, quoted names. Pure."""
