"""Bytes of many formats to pages of blocks, in a bounded child process."""
