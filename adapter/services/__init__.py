"""One blueprint a service; each can run alone."""
