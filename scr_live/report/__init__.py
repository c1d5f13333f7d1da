"""A page about a procedure, made of its event log: nothing else of the run is needed."""
