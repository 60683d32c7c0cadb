"""The competitors: small honest programs, each run as a process of its own."""
