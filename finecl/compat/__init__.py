"""What other implementations do, as settings by name: TOML files."""
