"""HTTP as AWS speaks it: which operation a request is, its input, its reply, its errors, its event streams."""
