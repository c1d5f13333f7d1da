"""Training of SCR-Net."""
