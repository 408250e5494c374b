"""Stage 1: training dynamics of a proxy, and noise scores computed from them."""
