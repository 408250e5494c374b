"""The stages of a run: each reads what came before from the run's directory and leaves its part there."""
