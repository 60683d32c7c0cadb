"""The request log: what was asked and answered, and what people say is right."""
