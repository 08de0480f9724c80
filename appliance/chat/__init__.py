"""Conversations: kept encrypted, answered through appliance.completions."""
