"""Who calls, and what moto's IAM and STS lack: API keys, sessions of users, the caller's identity."""
