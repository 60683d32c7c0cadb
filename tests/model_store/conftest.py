"""Hypothesis without deadlines and without a database: this machine may be busy."""

from hypothesis import settings

settings.register_profile("easel", deadline=None, database=None)
settings.load_profile("easel")
