"""Starts, locks, watches and stops the other processes; the one place where parts are wired."""
