"""Models as their authors saved them; each module imports one framework, in a process of its own."""
