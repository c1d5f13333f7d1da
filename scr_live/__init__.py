"""Real-time polyp segmentation on colonoscopy video. Research software, not a medical device."""

import os

__version__ = "0.1.0"

# ONNX Runtime's builds for Linux and macOS write an identifier of the machine and report to the vendor. They
# look at this once, when it is imported, which several rooms may do; its Python function comes too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
