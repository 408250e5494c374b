"""Scored labels as a table with their text, their summary, and the changes that clean them."""
