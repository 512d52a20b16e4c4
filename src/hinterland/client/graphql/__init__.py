"""GraphQL: documents, their results, and a cache of the records in them."""
