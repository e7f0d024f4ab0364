"""gateway.toml, read: its text, its tables, the scope of a principal, where things may run."""
