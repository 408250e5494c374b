"""finecl's parts inside other libraries' training loops."""
