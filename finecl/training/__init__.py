"""Parts that all training loops share: optimizer, checkpoints, signals, data order."""
