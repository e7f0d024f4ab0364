"""InvokeModel bodies, per vendor."""
