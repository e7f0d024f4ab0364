"""Guardrails: administered, enforced on an account, and applied to what is said (see `assessment` for what is real)."""
