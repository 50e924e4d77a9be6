"""Sealed bytes, keys, identity, access, audit, egress. Imports nothing of ours."""
