"""Who may ask, and how often.  Knows neither Flask nor gRPC."""
