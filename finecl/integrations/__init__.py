"""Parts of finecl for the training loops of other libraries."""
