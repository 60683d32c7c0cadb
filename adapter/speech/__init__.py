"""Text to speech: what is said, by whom, and the local engine in a process of its own."""
