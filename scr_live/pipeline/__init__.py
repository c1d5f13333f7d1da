"""Threads and channels that carry frames from a source to the sinks."""
