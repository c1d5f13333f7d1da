"""Ordinary, seekable videos of recordings that were cut off."""
