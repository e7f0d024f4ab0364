"""OpenSearch Serverless as a knowledge base needs it: policies, collections, indexes, and what is found in them."""
