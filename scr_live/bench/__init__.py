"""Speed, measured side by side in interleaved rounds, and how far it is from the machine's limit; `bench`."""
