"""Raw text: words and sentences by Unicode's rules, and names as they are compared."""
