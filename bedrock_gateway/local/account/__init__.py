"""What is known of an account beside its resources: quotas, its root user, when services were last used."""
