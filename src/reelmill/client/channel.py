"""What both kinds of channel are opened with."""

from reelmill.keepalive import CLIENT

OPTIONS = (
    # A server that comes back is found again within a second, and not after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    *CLIENT,
    ("grpc.max_receive_message_length", 16 * 2**20),  # the answer to a batch of 1,000 jobs
    ("grpc.max_send_message_length", 16 * 2**20),
)
DEFAULT_TARGET = "localhost:9090"
DEFAULT_TIMEOUT_SECONDS = 30.0
