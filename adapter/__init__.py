"""The thin Flask adapter: a drawing in base64 in, a label out, and the web page."""
