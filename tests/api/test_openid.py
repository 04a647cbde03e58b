"""OpenID Connect: whose tokens are taken, for whom, and what their claims mean."""

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from reelmill.auth.authenticator import Authenticator
from reelmill.auth.callers import ANYBODY
from reelmill.auth.opening import open_authenticator
from reelmill.auth.roles import Role
from reelmill.jobs.errors import Unauthenticated, Unavailable
from reelmill.settings import Settings
from reelmill.store.access import TenantStore
from reelmill.store.database import Database
from reelmill.store.tenancy import DEFAULT_IDENTITY

HERE = "ipv4:192.0.2.1:5"


class Issuer:
    """An issuer of tokens, on a port of this machine."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "one"}), ECKey.generate_key("P-256", {"kid": "two"})]
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = json.dumps(issuer.answers().get(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self) -> dict[str, Any]:
        return {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": KeySet(self.keys).as_dict(private=False),
        }

    def token(self, key: Any = None, alg: str = "RS256", header: Any = None, **claims: Any) -> tuple[str, str]:
        key = key or self.keys[0]
        told = {"iss": self.url, "aud": "reelmill", "sub": "ann", "exp": int(time.time()) + 60, "roles": ["admin"]}
        kept = {name: value for name, value in (told | claims).items() if value is not None}
        text = jwt.encode({"alg": alg, "kid": key.kid} | (header or {}), kept, key, algorithms=[alg])
        return ("authorization", f"Bearer {text}")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def asking(database: Database, issuer: Issuer, *hosts: str, **settings: Any) -> Authenticator:
    given = {"oidc_issuer": issuer.url, "oidc_audience": "reelmill", "http_allowed_networks": ["127.0.0.0/8"]}
    return await open_authenticator(Settings(**given | settings), database, hosts or ("0.0.0.0",))


async def test_a_token_of_the_issuer_for_us_is_taken_and_no_other(database: Database, issuer: Issuer) -> None:
    door = await asking(database, issuer)
    caller = await door.caller([issuer.token()], HERE)
    assert (caller.role, caller.user, caller.key_id) == (Role.ADMIN, "oidc:ann", "")
    assert caller.identity.tenant_id == DEFAULT_IDENTITY.tenant_id
    again = await door.caller([issuer.token(issuer.keys[1], "ES256", roles="submitter")], HERE)
    assert again.identity.user_id == caller.identity.user_id and again.identity.own_only
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    public = OctKey.import_key(issuer.keys[0].as_dict(private=False)["n"], {"kid": "one"})
    good = issuer.token()[1].removeprefix("Bearer ")
    head, body, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').decode().rstrip("=")
    changed = base64.urlsafe_b64encode(json.dumps({"sub": "root"}).encode()).decode().rstrip("=")
    now = int(time.time())
    bad = [
        issuer.token(stranger), issuer.token(public, "HS256"), issuer.token(aud="others"), issuer.token(aud=None),
        issuer.token(iss="https://else.example"), issuer.token(exp=now - 120), issuer.token(exp=None),
        issuer.token(nbf=now + 600), issuer.token(sub=None), issuer.token(sub=""), issuer.token(sub="x" * 500),
        issuer.token(roles=["emperor"]), issuer.token(roles=None), issuer.token(roles={"admin": 1}),
        issuer.token(sub=7),
        *(("authorization", f"Bearer {text}") for text in (
            f"{unsigned}.{body}.", f"{head}.{changed}.{signature}", f"{head}.{body}", "a.b.c", "....", good[:-4],
        )),
    ]  # fmt: skip
    told = set()
    for i, pair in enumerate(bad):
        with pytest.raises(Unauthenticated) as caught:
            await door.caller([pair], f"ipv4:10.0.{i}.1:5")
        told.add(str(caught.value))
    assert len(told) == 1, "which part was wrong is not told"


async def test_claims_name_the_tenant_and_the_role(database: Database, issuer: Issuer) -> None:
    tenant = await TenantStore(database).create("studio-b")
    door = await asking(
        database, issuer, oidc_tenant_claim="org", oidc_role_claim="groups",
        oidc_roles=["media=submitter", "media-ops=operator"],
    )  # fmt: skip
    caller = await door.caller([issuer.token(org="studio-b", groups=["x", "media", "media-ops"])], HERE)
    assert (caller.identity.tenant_id, caller.role) == (tenant.id, Role.OPERATOR)
    for claims in ({"org": "studio-c"}, {}, {"org": ["studio-b"]}, {"org": "studio-b", "groups": ["admin"]}):
        with pytest.raises(Unauthenticated):
            await door.caller([issuer.token(**{"groups": ["media"], **claims})], HERE)


async def test_new_keys_of_the_issuer_are_fetched_and_not_for_each_stranger(database: Database, issuer: Issuer) -> None:
    door = await asking(database, issuer)
    await door.caller([issuer.token()], HERE)
    others: Any = door._others
    keys = others._issuer_keys
    fetched = len(issuer.asked)
    for i in range(10):
        with pytest.raises(Unauthenticated):
            await door.caller([issuer.token(RSAKey.generate_key(2048, {"kid": f"new{i}"}))], HERE)
    assert len(issuer.asked) == fetched, "those that came just now are new enough"
    issuer.keys.append(ECKey.generate_key("P-256", {"kid": "three"}))
    keys._fetched -= 60
    assert (await door.caller([issuer.token(issuer.keys[-1], "ES256")], HERE)).user == "oidc:ann"
    assert len(issuer.asked) > fetched


async def test_an_issuer_in_a_network_that_is_not_allowed_is_not_asked(database: Database, issuer: Issuer) -> None:
    door = await asking(database, issuer, http_allowed_networks=[])
    before = len(issuer.asked)
    with pytest.raises(Unavailable, match="can't be had"):
        await door.caller([issuer.token()], HERE)
    assert len(issuer.asked) == before


async def test_with_an_issuer_an_empty_system_starts_and_loopback_stays_open(
    database: Database, issuer: Issuer
) -> None:
    with pytest.raises(Unauthenticated):
        await (await asking(database, issuer, "0.0.0.0")).caller([], HERE)
    assert await (await asking(database, issuer, "127.0.0.1")).caller([issuer.token()], HERE) is ANYBODY
    for wrong in ({"oidc_audience": ""}, {"oidc_roles": ["x=emperor"]}, {"oidc_roles": ["admin"]}):
        with pytest.raises(ValueError, match=r"^REELMILL_OIDC_"):
            await asking(database, issuer, **wrong)
