"""The HTTP side that all services share: what may be asked, how it is read and answered."""
