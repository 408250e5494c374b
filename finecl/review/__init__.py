"""Human review of silver labels: samples to judge, verdicts, and estimates from them."""
