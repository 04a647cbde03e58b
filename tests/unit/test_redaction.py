"""Secrets are masked in any text; what is no secret stays."""

import pytest

from reelmill.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at postgresql://app:SECRET@db:5432/x", "at postgresql://app:***@db:5432/x"),
        ("redis://:SECRET@cache/0", "redis://:***@cache/0"),
        ("postgresql://app:SEC/R@ET@db/x", "postgresql://app:***@db/x"),
        ("https://SECRET@example.org/a", "https://***@example.org/a"),
        ("kafka://k:9092?sasl.username=u&sasl.password=SECRET&x=1", "kafka://k:9092?sasl.username=u&sasl.password=***&x=1"),
        ("https://b/k?X-Amz-Date=1&X-Amz-Signature=SECRET", "https://b/k?X-Amz-Date=1&X-Amz-Signature=***"),
        ("https://b/k?X-Amz-Credential=SECRET%2Fus&X-Amz-Security-Token=SECRET", "https://b/k?X-Amz-Credential=***&X-Amz-Security-Token=***"),
        ("https://c/v?Policy=SECRET&Signature=SECRET&Key-Pair-Id=SECRET", "https://c/v?Policy=***&Signature=***&Key-Pair-Id=***"),
        ("https://a/b?sv=1&sig=SECRET%3D&token=SECRET, again", "https://a/b?sv=1&sig=***&token=***, again"),
        ("password='SECRET WORDS' host=db", "password=*** host=db"),
        ("{'sasl.password': 'SECRET', 'acks': 'all'}", "{'sasl.password': ***, 'acks': 'all'}"),
        ("signed with whsec_SECRET+/SECRET== and", "signed with *** and"),
        ("Authorization: Bearer SECRET", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic SECRET=='}", "{'authorization': 'Basic ***'}"),
        ("<AWSAccessKeyId>SECRET</AWSAccessKeyId>", "<AWSAccessKeyId>***</AWSAccessKeyId>"),
        ("aws_secret_access_key=SECRET", "aws_secret_access_key=***"),
        ("https://x/?api_key=SECRET&apikey=SECRET&api-key=SECRET", "https://x/?api_key=***&apikey=***&api-key=***"),
        ("x-api-key: a api_key=SECRET", "x-api-key: a api_key=***"),
        ("key=SECRET auth=SECRET policy=SECRET", "key=*** auth=*** policy=***"),
        ("passwd=SECRET passwor=no credential=SECRET", "passwd=*** passwor=no credential=***"),
        ("access_key=SECRET accessKeyId=SECRET", "access_key=*** accessKeyId=***"),
        ("sasl.jaas.config=SECRET", "sasl.jaas.config=***"),
        ("string-to-sign=SECRET StringToSign=SECRET", "string-to-sign=*** StringToSign=***"),
        ("token%3DSECRET&a=1", "token%3D***&a=1"),
        ('{"token": "SECRET WORDS", "a": 1}', '{"token": ***, "a": 1}'),
        ("<Signature>SECRET</Signature>", "<Signature>***</Signature>"),
        ("<SignatureProvided>SECRET</SignatureProvided>", "<SignatureProvided>***</SignatureProvided>"),
        ("<StringToSign>SECRET\nSECRET</StringToSign>", "<StringToSign>***</StringToSign>"),
        ("Proxy-Authorization: Digest SECRET", "Proxy-Authorization: Digest ***"),
        ("AUTHORIZATION: SECRET", "AUTHORIZATION: ***"),
        ("authorization: AWS4-HMAC-SHA256 SECRET", "authorization: AWS4-HMAC-SHA256 ***"),
    ],
)  # fmt: skip
def test_a_secret_is_masked(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a and mail a@b.c",
        "kafka://k:9092,l:9092?security.protocol=SSL",
        "ffmpeg -i input-0 -x264-params keyint=48:min-keyint=48 -progress pipe:1",
        "unexpected token: <; monkey=1",
        "s3://bucket/talk.mov does not exist",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text
