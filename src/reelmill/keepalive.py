"""How often the two ends of a gRPC connection ask each other whether they are there.

A network that drops what was idle says nothing: a call on such a connection would wait for its deadline. So a client
asks while nothing is under way too, which gRPC's servers take for an attack unless they are told otherwise.
"""

_EVERY_MS = 5_000
_ANSWER_MS = 5_000  # a busy machine has its time

CLIENT = (
    ("grpc.keepalive_time_ms", _EVERY_MS),
    ("grpc.keepalive_timeout_ms", _ANSWER_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no bound
    # A ping that measures bandwidth holds those back, and waits a minute for its answer unless told otherwise.
    ("grpc.http2.ping_timeout_ms", _ANSWER_MS),
)
SERVER = (
    ("grpc.keepalive_time_ms", 60_000),  # who is gone without a word, with its watches
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", _EVERY_MS // 2),  # who pings more often is sent away
    ("grpc.http2.max_ping_strikes", 2),
)
