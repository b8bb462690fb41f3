"""The GraphQL API: from an HTTP request to an operation of the schema, and from its result to a response.

- `endpoint`: `/graphql`
- `request`: the HTTP request → document, variables and operation name
- `persisted_documents`: documents that clients name by an id
- `operations`: parses, validates and compiles each document once
- `compiler`, `plan`: run an operation without graphql-core's executor
- `limits`, `cost`: what an operation may ask for, and what it costs
- `redaction`: graphql-core's messages without the caller's input
"""
