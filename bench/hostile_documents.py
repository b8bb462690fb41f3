"""The cost of hostile documents.

Each document costs as much as the limits allow. It is sent many times, each time with another text, and the
CPU that the server spends on one of them is measured. Two valid requests are measured beside them.
"""

import json
import socket
import time
from http.client import HTTPResponse
from itertools import count
from urllib.parse import urlsplit

from bench.servers import Server
from bench.workloads import FULL
from gateway.middleware.deadline import BODY_SECONDS

TIMES = 50

SUMMARY = "CustomerPromotionActionSummary"
NUMBER = "NUMBER"


def document(text: str, variables: dict[str, int] | None = None) -> str:
    return json.dumps({"query": f"{text} # {NUMBER}", "variables": variables})


def summary(selection: str, n: int = 0) -> str:
    return (
        f"a{n}: customerPromotionActionSummary(source: INSTORE, identifierName: MOBILE, "
        f'identifierValue: "{n}", programId: "0", promotionId: "1") {{ {selection} }}'
    )


def nested(body: str, last: str) -> str:
    """A summary of 50 fragments; NEXT in `body` stands for the next fragment."""
    bodies = [*(body.replace("NEXT", f"...F{n}") for n in range(1, 50)), last]
    return f"{{ {summary('...F0')} }} " + " ".join(
        f"fragment F{n} on {SUMMARY} {{ {one} }}" for n, one in enumerate(bodies)
    )


def introspection(levels: int) -> str:
    return "{ __schema { types " + "{ fields { type " * levels + "{ name }" + " } }" * levels + " } }"


def fields(count: int, prefix: str = "f") -> str:
    return " ".join(f"{prefix}{n}" for n in range(count))


FIELDS = fields(90)
ARGUMENTS = "types { fields { args { name } } }"
DIFFERENT_FIELDS = " ".join(f"fragment F{n} on {SUMMARY} {{ {fields(90, f'f{n}_')} }}" for n in range(50))

# The body that is sent, and the code of its error, or "data".
ATTACKS = {
    "aliases": (document(f"{{ {'a:b ' * 2_490} }}"), "LIMIT_EXCEEDED"),
    "depth": (document(f"{{ {('a{' * 9 + '}' * 9) * 360} }}"), "LIMIT_EXCEEDED"),
    "tokens": (document("{" + "a " * 49_000), "LIMIT_EXCEEDED"),
    "names": (document(f"{{ {'a ' * 7_900} }}"), "LIMIT_EXCEEDED"),
    "operations": (document("{a}" * 2_600), "OPERATION_RESOLUTION_FAILURE"),
    "comments": (document("#\n" * 49_000 + "{a}"), "LIMIT_EXCEEDED"),
    "number signs in a comment": (document("{a} " + "#" * 99_000), "GRAPHQL_VALIDATION_FAILED"),
    "a long string": (document('{ a(b: "' + "\\n" * 49_000 + '") }'), "GRAPHQL_VALIDATION_FAILED"),
    "fields": (document(f"{{ {summary(fields(4_900))} }}"), "GRAPHQL_VALIDATION_FAILED"),
    "arguments": (
        document(f"{{ a({' '.join(f'a{n}:1' for n in range(2_600))}) }}"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "fragments of different fields": (
        document(f"{{ {summary(' '.join(f'...F{n}' for n in range(50)))} }} {DIFFERENT_FIELDS}"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "type definitions": (
        document("{a} " + " ".join(f"scalar a{n}" for n in range(2_400))),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "characters": (document(f"# {'x' * 1_000_000}"), "LIMIT_EXCEEDED"),
    "directives": (document(f"{{ a {'@b' * 4_900} }}"), "LIMIT_EXCEEDED"),
    "repeated fields": (document(f"{{ {'a ' * 4_990} }}"), "LIMIT_EXCEEDED"),
    "fragment cycle": (document(nested(f"NEXT {FIELDS}", "...F0")), "GRAPHQL_VALIDATION_FAILED"),
    "50 nested fragments": (document(nested(f"NEXT {FIELDS} NEXT", FIELDS)), "LIMIT_EXCEEDED"),
    "circular introspection": (document(introspection(90)), "LIMIT_EXCEEDED"),
    "introspection by aliases": (
        document("{ __schema {" + " ".join(f"a{n}: {ARGUMENTS}" for n in range(47)) + "} }"),
        "data",
    ),
    "batch": (json.dumps([{"query": "{ __typename }"}] * 30_000), "BAD_REQUEST"),
    "declared variables": (document(f"query ({'$v:A ' * 2_400}) {{ a }}"), "LIMIT_EXCEEDED"),
    "given variables": (document("{ __typename }", {f"v{n}": n for n in range(50_000)}), "LIMIT_EXCEEDED"),
    "huge body": (" " * 20_000_000, "CONTENT_TOO_LARGE"),
}
SLOW = "slow body", " " * 100, "REQUEST_TIMEOUT"
WIDEST = "100 full summaries"
COMPARED = {
    "a small query": (document(f"{{ {summary('orgId')} }}"), "CUSTOMER_NOT_FOUND"),
    WIDEST: (
        document("{" + " ".join(summary(FULL, n) for n in range(100)) + "}"),
        "CUSTOMER_NOT_FOUND",
    ),
}


def send(url: str, authorization: str, body: bytes, pause: float = 0) -> bytes:
    """Send a request; returns the body of the response. With a pause, a byte is sent at a time."""
    address = urlsplit(url)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode())
        try:
            if pause:
                for n in range(len(body)):
                    connection.sendall(body[n : n + 1])
                    time.sleep(pause)
            else:
                connection.sendall(body)
        except OSError:
            # The server responded and closed the connection before the end of the body.
            pass
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.read()


def cost(server: Server, authorization: str, body: str, code: str, times: int, pause: float = 0) -> float:
    """Milliseconds of the server's CPU for one such request."""
    server.settle()
    before = server.cpu_seconds()
    for _ in range(times):
        answer = send(server.url, authorization, body.replace(NUMBER, str(next(_NUMBERS))).encode(), pause)
        assert f'"{code}"' in answer.decode(), answer[:500]
    server.settle()
    return (server.cpu_seconds() - before) / times * 1000


_NUMBERS = count()


def measure(server: Server, authorization: str) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of CPU for each hostile request, and for each request that is compared with them."""
    hostile = {name: cost(server, authorization, body, code, TIMES) for name, (body, code) in ATTACKS.items()}
    name, body, code = SLOW
    hostile[name] = cost(server, authorization, body, code, 3, 1.2 * BODY_SECONDS / len(body))
    compared = {
        name: cost(server, authorization, body, code, TIMES) for name, (body, code) in COMPARED.items()
    }
    return hostile, compared
