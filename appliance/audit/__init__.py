"""The tamper-evident log: entries accepted with the action they record, sealed within a second."""
