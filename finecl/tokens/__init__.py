"""Documents as an encoder reads them: tokenized, marked, packed."""
