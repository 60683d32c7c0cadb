"""The transport-free core that loads and runs servables.  No protocol's name in here."""
