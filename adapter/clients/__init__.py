"""Model servers reached over the network, behind ``adapter.ports.ModelServer``."""
