"""Many recordings through the pipeline of a run, several at a time, to be resumed; `archive`."""
