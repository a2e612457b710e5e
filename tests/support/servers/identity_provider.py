"""A small OpenID Connect provider on a real socket, with keys of its own.

It keeps the rules of the standard that a client relies on: registered redirect addresses, PKCE, codes that
are valid once, client authentication. Users are signed in without a form, as those with a session there are.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import get_default_algorithms

from support.patience import patience

CLIENT_ID = "framecloak"
CLIENT_SECRET = "of the client: a+b/c%"
AUDIENCE = "framecloak-api"

Fields = Mapping[str, str]


@cache
def private_key(algorithm: str, name: str) -> PrivateKeyTypes:
    """Return a private key, the same one for the same names: RSA keys take long to make."""
    del name
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class SigningKey:
    """A key of the provider.

    Attributes:
        key_id: key id in the header of tokens and in the key set.
        algorithm: algorithm of tokens.
    """

    key_id: str
    algorithm: str = "RS256"

    @property
    def private(self) -> PrivateKeyTypes:
        return private_key(self.algorithm, self.key_id)

    def public_jwk(self) -> dict[str, Any]:
        algorithm: Any = get_default_algorithms()[self.algorithm]
        public: dict[str, Any] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return public | {"kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: Mapping[str, Any], **header: str) -> str:
        key: Any = self.private
        return jwt.encode(dict(claims), key, self.algorithm, headers={"kid": self.key_id, **header})


@dataclass
class _Grant:
    redirect_uri: str
    challenge: str
    nonce: str
    claims: dict[str, Any]


@dataclass
class IdentityServer:
    """The provider, and what tests change about it.

    Attributes:
        issuer: identifier, and base of all addresses.
        redirect_uri: registered redirect address.
        home: registered address after sign-out.
        user: claims of the user who is signed in there; None if the user cancels.
        keys: published keys; the first one signs.
        signer: key that signs instead, published or not.
        clock: current time (UTC).
        alter: changes the claims of ID tokens before they are signed.
        ends_sessions: whether it publishes an address that ends sessions.
        calls: paths of received requests.
        discovery: further fields of the configuration.
        further_keys: further entries of the key set.
        is_away: whether all calls are answered with an error.
        raw_answer: body of all answers to GET, instead of the right one.
        accepts_basic: whether clients may authenticate with HTTP Basic.
    """

    issuer: str = ""
    redirect_uri: str = "http://framecloak.test/api/auth/oidc/callback"
    home: str = "http://framecloak.test/"
    user: dict[str, Any] | None = field(
        default_factory=lambda: {"sub": "1234", "preferred_username": "ada", "name": "Ada L.", "groups": []}
    )
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("first")])
    signer: SigningKey | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    alter: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    ends_sessions: bool = True
    calls: list[str] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)
    further_keys: list[object] = field(default_factory=list)
    is_away: bool = False
    raw_answer: bytes | None = None
    accepts_basic: bool = True
    _grants: dict[str, _Grant] = field(default_factory=dict)

    def claims(self, audience: str | list[str], **more: object) -> dict[str, Any]:
        """Return claims that are valid for five minutes; None removes one."""
        now = int(self.clock().timestamp())
        found = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300, **more}
        return {name: value for name, value in found.items() if value is not None}

    def access_token(self, audience: str | list[str] = AUDIENCE, **more: object) -> str:
        """Return an access token of the current user, as Keycloak makes them."""
        claims = self.claims(
            audience, **{"typ": "Bearer", "azp": "another-client", **(self.user or {}), **more}
        )
        return (self.signer or self.keys[0]).sign(claims)

    def id_token(self, nonce: str, user: Mapping[str, Any]) -> str:
        claims = self.claims(CLIENT_ID, nonce=nonce, azp=CLIENT_ID, **user)
        return (self.signer or self.keys[0]).sign(self.alter(claims))

    def configuration(self) -> dict[str, Any]:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        if self.ends_sessions:
            found["end_session_endpoint"] = f"{self.issuer}/end-session"
        return found | self.discovery

    def authorize(self, asked: Fields) -> tuple[int, str]:
        """Return the status and the address to go to."""
        if (asked.get("client_id"), asked.get("redirect_uri")) != (CLIENT_ID, self.redirect_uri):
            return 400, ""
        answer = {"state": asked.get("state", ""), "iss": self.issuer}
        is_complete = asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256"
        if not is_complete or "openid" not in asked.get("scope", "").split():
            return 302, f"{self.redirect_uri}?{urlencode(answer | {'error': 'invalid_request'})}"
        if self.user is None:
            return 302, f"{self.redirect_uri}?{urlencode(answer | {'error': 'access_denied'})}"
        code = token_urlsafe(16)
        self._grants[code] = _Grant(
            asked["redirect_uri"], asked["code_challenge"], asked["nonce"], dict(self.user)
        )
        return 302, f"{self.redirect_uri}?{urlencode(answer | {'code': code})}"

    def exchange(self, form: Fields, authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer of the token endpoint."""
        if authorization and self.accepts_basic:
            plain = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
            client = unquote(plain[0]), unquote(plain[2])
        else:
            client = form.get("client_id", ""), form.get("client_secret", "")
        if client != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        grant = self._grants.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            grant is None
            or form.get("grant_type") != "authorization_code"
            or grant.redirect_uri != form.get("redirect_uri")
            or grant.challenge != challenge.rstrip(b"=").decode()
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": self.access_token(**grant.claims),
            "token_type": "Bearer",
            "id_token": self.id_token(grant.nonce, grant.claims),
        }

    def end_session(self, asked: Fields) -> tuple[int, str]:
        """Return the status and the address to go to."""
        if asked.get("post_logout_redirect_uri") != self.home or not asked.get("id_token_hint"):
            return 400, ""
        self.user = None
        return 302, self.home


@contextmanager
def running_identity_server(**values: Any) -> Iterator[IdentityServer]:  # noqa: ANN401 - as its attributes
    """Yield a provider that serves until the end of the block; the values are those of its attributes."""
    state = IdentityServer(**values)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
            state.calls.append(parts.path)
            match parts.path:
                case "/.well-known/openid-configuration":
                    self.answer(200, state.configuration())
                case "/jwks":
                    self.answer(200, {"keys": [key.public_jwk() for key in state.keys] + state.further_keys})
                case "/authorize":
                    self.redirect(*state.authorize(asked))
                case "/end-session":
                    self.redirect(*state.end_session(asked))
                case _:
                    self.answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.calls.append(self.path)
            form = {name: texts[0] for name, texts in parse_qs(body).items()}
            self.answer(*state.exchange(form, self.headers.get("Authorization", "")))

        def redirect(self, status: int, address: str) -> None:
            self.send_response(status)
            self.send_header("Location", address)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode() if state.raw_answer is None else state.raw_answer
            self.send_response(503 if state.is_away else status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def visit(url: str) -> str:
    """Go to an address of the provider as a browser does, and return where it sends the browser."""

    def location() -> str:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=patience(20))
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            return connection.getresponse().headers["Location"]
        finally:
            connection.close()

    return await asyncio.to_thread(location)
