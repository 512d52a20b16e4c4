"""GraphQL: the same questions to this project's server, to Strawberry, and to graphql-core with resolvers by hand."""
