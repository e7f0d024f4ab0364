"""Knowledge bases: bases, sources, ingestion, the vector index, retrieval and answers."""
