"""SCR-Net as PyTorch modules."""
