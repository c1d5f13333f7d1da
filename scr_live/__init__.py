"""Real-time polyp segmentation on colonoscopy video. Research software, not a medical device."""

__version__ = "0.1.0"
