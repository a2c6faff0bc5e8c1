"""The process and its children: signals, retries, handing over to another program."""
