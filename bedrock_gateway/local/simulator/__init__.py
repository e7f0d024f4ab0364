"""IAM's policy simulator: what the policies of a user, group or role, or policies given as text, would decide."""
