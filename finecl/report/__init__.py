"""The HTML report of a run or a suite, and its figures."""
