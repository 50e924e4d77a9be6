"""Backups of the data: one sealed file, made while the house is in use, and a house made from it again."""
