"""Backups: one encrypted file that holds the house, checked without being restored, restored whole or not."""
