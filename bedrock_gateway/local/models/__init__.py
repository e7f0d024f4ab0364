"""The stand-in for models: catalogue, bodies by vendor, Converse, streams, what is answered."""
