"""Loads and syncs as jobs that outlive their process."""
