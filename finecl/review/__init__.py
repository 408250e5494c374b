"""Review of silver labels by people: samples to judge, verdicts, and estimates from them."""
