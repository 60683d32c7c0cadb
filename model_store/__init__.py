"""What a version is on disk, and who is live.  The innermost package."""
