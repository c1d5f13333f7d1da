"""What a video shows that single pictures do not: false alarms a minute, time to the first mark, flicker."""
