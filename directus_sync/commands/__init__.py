"""The commands, one file each. A file is loaded only if its command runs."""
