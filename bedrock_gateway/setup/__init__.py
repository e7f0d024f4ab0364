"""Setting up what calls stand on: planned first, then made step by step, resumable, and removed without a trace."""
