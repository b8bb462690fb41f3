"""The application, declared: its routes, middleware, exception handlers and lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_network

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from strawberry import Schema
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway import json_format
from gateway.auth.authenticator import Authenticator
from gateway.auth.callers import require
from gateway.auth.oidc import ExternalIssuer
from gateway.auth.password_check import Passwords
from gateway.auth.tokens import SigningKey, Tokens
from gateway.graphql.endpoint import GRAPHQL_PATH, SCHEMA_PATH, execute_graphql, graphql_error
from gateway.graphql.limits import Limits
from gateway.graphql.operations import Operations
from gateway.graphql.persisted_documents import PersistedDocuments, trust_manifest
from gateway.health import LIVE, READY, Health
from gateway.http_headers import Endpoint, public_document
from gateway.ingest.background_counting import count_unfinished
from gateway.middleware.admission import Admission, InFlightRequests
from gateway.middleware.deadline import RequestDeadline
from gateway.middleware.request_head import OriginForm, RequestHead
from gateway.middleware.response_headers import ResponseHeaders, cors_middleware
from gateway.pages import ASSETS_PATH, PageCredentials, Pages
from gateway.rest.action_summary import ACTION_SUMMARY_PATH, get_action_summary
from gateway.rest.error_responses import event_error, summary_error, token_error
from gateway.rest.events import EVENTS_PATH, receive_event
from gateway.rest.openapi import DOCUMENT, OPENAPI_PATH
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH, TOKEN_REQUEST_BYTES, generate_token
from gateway.server import tune_memory
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.telemetry.current_request import CLIENT_CLOSED_REQUEST
from gateway.telemetry.metrics import PoolMetrics, sample
from gateway.telemetry.setup import Telemetry
from loaders import Dispatchers, Loaders
from loaders.dispatcher import Batching
from loaders.enums import Resource, Right
from loaders.store import Listener, Store
from resolvers.context import Context
from resolvers.schema import create_schema


def create_app(
    settings: Settings,
    *,
    listeners: Sequence[Listener] = (),
    page_credentials: PageCredentials | None = None,
    cors_origin_pattern: str | None = None,
) -> Starlette:
    """The gateway as an ASGI application; `listeners` observe the commands that the driver sends.

    Only the demo has `page_credentials`, which its pages send, and a `cors_origin_pattern`, a regular
    expression of origins that may call.
    """
    schema = create_schema()
    sdl = schema.as_str()
    operations = create_operations(schema, settings)
    telemetry = Telemetry(settings.traces, settings.database)
    store = Store(
        settings.mongodb_uri.get_secret_value(),
        settings.database,
        driver=settings.driver,
        listeners=[PoolMetrics(), *listeners],
        on_command=telemetry.on_command,
    )
    dispatchers = Dispatchers(
        store,
        Batching(settings.max_concurrent_batches, settings.max_batch_size, telemetry),
        lookup_seconds=settings.lookup_cache_seconds,
    )
    passwords = Passwords(store)
    tokens = Tokens([SigningKey.read(path) for path in settings.signing_keys])
    authenticator = Authenticator(store, passwords, tokens, _external_issuer(settings))
    introspection = settings.introspection
    pages = Pages(sdl, page_credentials, introspection=introspection)
    persisted = PersistedDocuments(
        operations, only_trusted=settings.trusted_documents_only, cache_bytes=settings.apq_cache_bytes
    )
    in_flight = InFlightRequests(settings.max_concurrent_requests)
    health = Health(store, in_flight)
    begin_counting = asyncio.Event()
    receive = partial(
        receive_event,
        store=store,
        authenticate=authenticator.authenticate,
        pending_event_days=settings.pending_event_days,
        forget=dispatchers.forget,
        is_set_up=health.is_set_up,
        begin_counting=begin_counting.set,
    )
    generate = partial(generate_token, customers=dispatchers.customers, passwords=passwords, tokens=tokens)

    async def enter(request: Request) -> Context:
        caller = await authenticator.authenticate(request)
        require(caller.rights, Right.READ, Resource.CUSTOMER, Resource.PROMOTION)
        return Context(Loaders(dispatchers, caller.organization, settings.benefits_since, caller.customer_id))

    summarize = partial(get_action_summary, enter=enter)
    page = pages.graphiql if introspection else None
    execute = partial(execute_graphql, operations=operations, persisted=persisted, enter=enter, page=page)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        counting = count_unfinished(store, dispatchers.forget, begin_counting)
        jobs = (sample(dispatchers.waiting), health.check_schema(), counting)
        background = [asyncio.create_task(job) for job in jobs]
        in_flight.drain_at_sigterm()
        try:
            # Connects to the database before the first request.
            await health.database_answers()
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.wait(background)
            await telemetry.close()
            await store.close()

    limits = [
        Middleware(Admission, in_flight=in_flight),
        Middleware(RequestDeadline, milliseconds=settings.deadline_ms),
    ]
    max_body = settings.max_body_bytes
    max_token_body = min(max_body, TOKEN_REQUEST_BYTES)

    schema_document = public_document(f"{sdl}\n".encode(), "text/plain")
    public_keys = json_format.encode({"keys": tokens.public_keys()})
    gzip = [Middleware(GZipMiddleware, compresslevel=6)]

    app = Starlette(
        routes=[
            _route(GRAPHQL_PATH, execute, ["GET", "POST"], graphql_error, limits, max_body),
            _route(ACTION_SUMMARY_PATH, summarize, ["GET"], summary_error, limits),
            _route(EVENTS_PATH, receive, ["POST"], event_error, limits, max_body),
            _route(TOKEN_PATH, generate, ["POST"], token_error, limits, max_token_body),
            *([_route(SCHEMA_PATH, schema_document, ["GET"], summary_error)] if introspection else []),
            _route(JWKS_PATH, public_document(public_keys), ["GET"], summary_error),
            _route(OPENAPI_PATH, public_document(DOCUMENT), ["GET"], summary_error, gzip),
            _route(LIVE, health.live, ["GET"], summary_error),
            _route(READY, health.ready, ["GET"], summary_error),
            _route("/", pages.index, ["GET"], summary_error),
            _route("/docs", pages.docs, ["GET"], summary_error),
            Mount(ASSETS_PATH, pages.assets),
        ],
        middleware=[
            *telemetry.middleware,
            Middleware(ResponseHeaders, in_flight=in_flight),
            *cors_middleware(settings.cors_origins, settings.cors_headers, cors_origin_pattern),
            *trusted_proxies(settings.trusted_proxies),
            Middleware(OriginForm),
        ],
        exception_handlers={HTTPException: summary_error},
        lifespan=lifespan,
    )
    # A redirect would lead to whatever the request's Host header says.
    app.router.redirect_slashes = False
    app.state.rest_status = settings.rest_status
    return app


def _route(
    path: str,
    endpoint: Endpoint,
    methods: list[str],
    render_error: Callable[[Request, Exception], Awaitable[Response]],
    middleware: Sequence[Middleware] = (),
    max_body_bytes: int | None = None,
) -> Route:
    """A route whose errors all look like its API's, those of its middleware and of wrong methods included."""
    inner = Route(path, endpoint, methods=methods)
    handlers = {HTTPException: render_error, Exception: render_error, ClientDisconnect: _client_gone}
    guards = [
        Middleware(ExceptionMiddleware, handlers=handlers),
        Middleware(RequestHead, max_body_bytes=max_body_bytes),
        *middleware,
    ]
    if max_body_bytes is not None:
        guards.append(Middleware(RequestBodyLimitMiddleware, max_body_size=max_body_bytes))
    return Route(path, inner, middleware=guards)


async def _client_gone(_: Request, __: Exception) -> Response:
    # It reaches no client; the log line gets the status.
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def trusted_proxies(proxies: Sequence[str]) -> list[Middleware]:
    """Middleware that trusts the `X-Forwarded-For` of these addresses and networks."""
    if not proxies:
        return []
    networks = map(ip_network, proxies)
    # To a server that listens on `::`, a client that comes over IPv4 has such an address.
    mapped = [f"::ffff:{ip4.network_address}/{ip4.prefixlen + 96}" for ip4 in networks if ip4.version == 4]
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=[*proxies, *mapped])]


def create_operations(schema: Schema, settings: Settings) -> Operations:
    """The operations of the schema; raises `ManifestUnusable` if those of the manifest cannot be trusted."""
    limits = Limits(tokens=settings.max_tokens, depth=settings.max_depth, summaries=settings.max_summaries)
    operations = Operations(
        schema, compiled=settings.compiled, limits=limits, introspection=settings.introspection
    )
    if settings.trusted_documents:
        trust_manifest(operations, settings.trusted_documents)
    return operations


def _external_issuer(settings: Settings) -> ExternalIssuer | None:
    issuer, audience, claim = settings.oidc_issuer, settings.oidc_audience, settings.oidc_org_claim
    if not issuer:
        return None
    return ExternalIssuer(
        issuer, audience, claim, settings.oidc_orgs, settings.oidc_group, settings.oidc_customer_claim
    )


def create_app_from_environment() -> Starlette:
    """The application of a server process."""
    logs.configure()
    app = create_app(Settings.from_environment())
    tune_memory()
    return app
