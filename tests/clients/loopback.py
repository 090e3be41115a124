"""Runs a command with no network but loopback: loopback.py COMMAND..., in a network namespace that is new (unshare -n).

Ends with 1 when this is not so: the test is worth nothing if the namespace has another way out.
"""
import errno
import fcntl
import os
import socket
import struct
import sys

GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
OUTSIDE = ("192.0.2.1", 9)  # an address for documentation

names = [name for _, name in socket.if_nameindex()]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    request = fcntl.ioctl(s, GET_FLAGS, struct.pack("16sH14x", b"lo", 0))
    flags, = struct.unpack_from("H", request, 16)
    fcntl.ioctl(s, SET_FLAGS, struct.pack("16sH14x", b"lo", flags | UP))
    reached = s.connect_ex(OUTSIDE)
for name in names:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags, = struct.unpack_from("H", fcntl.ioctl(s, GET_FLAGS, struct.pack("16sH14x", name.encode(), 0)), 16)
    if name != "lo" and flags & UP:
        sys.exit(f"the network has {name}, too")
if reached != errno.ENETUNREACH:
    sys.exit(f"{OUTSIDE[0]} could be reached")
os.execvp(sys.argv[1], sys.argv[1:])
