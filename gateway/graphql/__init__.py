"""The GraphQL API: from an HTTP request to an operation of the schema, and from its result to a response.

- `endpoint`: `/graphql`, and how it renders results and errors
- `request`: reads the document, the variables and the name of the operation from an HTTP request
- `persisted_documents`: documents that clients name by an id
- `operations`, `operation`: each document is parsed, validated and compiled once
- `shapes`: what documents have in common that differ only in their strings
- `validation`: validates documents; those of one shape are validated once
- `compiler`, `field_definitions`, `plan`, `plan_variants`: execute an operation by plain calls
- `graphql_core`: executes the operations that the compiler does not support
- `limits`, `cost`: how much an operation may ask for, and its cost
- `wide_operations`: the queues of operations of many summaries
- `large_documents`: large new documents are prepared, and plans are compiled, in steps
- `redaction`: errors about wrong input, without the input
"""
