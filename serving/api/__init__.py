"""Both protocols' codecs and messages: the only place that knows their names.

Functions between wire messages and numpy arrays, for the server's side and for a
client's.  The one part of ``serving`` that other packages may import.
"""
