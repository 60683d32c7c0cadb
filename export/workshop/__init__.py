"""The process in which a source is loaded: a conversation of lines, and arrays in files."""
