"""From frames to sightings: steady masks, identities, alerts, the quality of the input."""
