"""What web and runtime say to each other over their one socketpair."""
