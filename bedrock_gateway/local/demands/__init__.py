"""What AWS demands of each operation, row by row with source and confidence: the judge's own table."""
