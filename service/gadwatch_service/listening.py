import socket


def listen(host: str, port: int) -> socket.socket:
    """A bound socket to serve on; raises ``OSError`` when the port is taken.

    It comes before everything else at a start: a second service must not touch the database
    before it fails.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
