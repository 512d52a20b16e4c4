"""GraphQL at `/graphql`: a schema of the collections, and documents carried out by the operations of the table."""
