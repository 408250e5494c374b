"""Stage 1: a proxy's training dynamics, and noise scores from them."""
