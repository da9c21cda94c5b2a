"""Put on PYTHONPATH, this lets Python programs reach this machine only, and hides weights downloaded before.

The lessons run under it, so that they are tested as on a laptop that has never seen a network.
"""

import os
import socket
import tempfile

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


def _check(host: object) -> None:
    if isinstance(host, bytes):
        host = host.decode()
    if isinstance(host, str) and host and not host.startswith(LOOPBACK):
        raise OSError(f"a lesson asked the network for {host}: lessons work offline")


def _guarded(original):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(address[0])
        return original(self, address)

    return connect


_getaddrinfo = socket.getaddrinfo


def _guarded_getaddrinfo(host, *args, **kwargs):
    _check(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _guarded(socket.socket.connect)
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)
socket.getaddrinfo = _guarded_getaddrinfo
_nothing = os.path.join(tempfile.gettempdir(), "effv2viz-no-downloaded-weights")
os.environ["TORCH_HOME"] = os.environ["HF_HOME"] = _nothing
