"""Several server processes that act as one: each is told what all do, and answers for all."""
