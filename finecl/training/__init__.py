"""What every training loop shares: optimizer, checkpoints, signals, data order."""
