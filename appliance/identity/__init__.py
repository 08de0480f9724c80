"""Who is who: accounts, passwords, browser sessions, API keys."""
