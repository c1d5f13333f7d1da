"""A long run with faults on purpose, and what must not grow or be lost in it."""
