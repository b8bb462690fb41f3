"""A GraphQL gateway that answers: what has this customer earned from this loyalty promotion?

    gateway  →  resolvers  →  loaders
    serving     meaning       data

Imports run only to the right. `resolvers` hold the GraphQL schema and the use cases behind it; `loaders` read
and write MongoDB. The gateway is everything about serving:

    graphql/     the GraphQL API: requests, persisted documents, the compiler, limits
    rest/        the REST API: the original call, tokens, events, the OpenAPI document
    auth/        the credentials of a request → a caller
    ingest/      imports and event notifications → the ledger
    middleware/  deadline, admission, size limits, headers for browsers
    telemetry/   logs, metrics, traces
    pages/       GraphiQL, the REST documentation, the index
    commands/    `promo-gateway …`, the demo and its embedded database
    app          puts it all together; beside it errors, health, server, settings

One request: `telemetry` gives it an id, and writes a log line at its end. The middleware of its route admits
it and sets its deadline. `auth` turns its credentials into a `Caller`, whose organisation is the only one
that it can read. The API reads the arguments and calls a use case of the resolvers. Loaders look up the
customer and the promotion side by side, then the totals of the selected benefits. The dispatcher under the
loaders joins the reads of concurrent requests, so that one aggregation answers all of them.

Words:

    organisation  a tenant; every read and write belongs to one
    POS client    a client with Basic credentials; the vendor calls it a till
    source        the system that knows a customer by an identifier
    identifier    a mobile number, the platform's id or an external id of a customer
    programme     a loyalty programme; promotions belong to it
    promotion     what a customer can earn benefits from
    benefit       points, an alternate currency, a reward or a badge
    issuance      one benefit that was issued to one customer; the ledger holds all of them
    summary       the totals of one customer's issuances from one promotion
    pending       an event that cannot be counted yet and waits, for its promotion for example
"""


class OperatorError(Exception):
    """A problem that the operator can solve; the commands print its message without a traceback."""
