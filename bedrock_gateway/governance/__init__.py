"""Rules, and what keeps them while calls run."""
