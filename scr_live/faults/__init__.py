"""Faults on purpose: sources and engines that fail on a seeded schedule, for tests and soaks."""
