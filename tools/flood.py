"""A sender of ready frames on WebSockets, in a process of its own, for benchmarks of what receives them."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from pm_data.venue.embedded.generate import generate
from pm_data.venue.embedded.options import VenueOptions
from pm_data.venue.embedded.websocket import text_frame
from pm_data.venue.universe import Market

DISTINCT_FRAMES = 20_000


@dataclass
class Script:
    """What the sender sends: opening frames by shard, then (shard, frame) over and over."""

    shard_of: dict[str, int]
    openings: list[list[bytes]]
    traffic: list[tuple[int, bytes]]

    def count(self, frames: int) -> int:
        """Return how many frames come when this many of the traffic are sent."""
        return frames + sum(map(len, self.openings))


def make_script(plan: Sequence[Sequence[Market]], options: VenueOptions) -> Script:
    """Frame what an embedded venue would send on these connections."""
    script = Script({}, [[] for _ in plan], [])
    for shard, markets in enumerate(plan):
        script.shard_of |= {asset_id: shard for market in markets for asset_id in market.asset_ids}
    for frame in generate(options, DISTINCT_FRAMES, plan):
        if frame.payload.startswith(b"["):
            script.openings[frame.shard].append(text_frame(frame.payload))
        else:
            script.traffic.append((frame.shard, text_frame(frame.payload)))
    return script


def serve(listener: socket.socket, script: Script, frames: int, rate: int, go: Event) -> None:
    """Take one connection a shard, send the openings, and when told to go the traffic."""
    sockets: dict[int, socket.socket] = {}
    for _ in script.openings:
        accepted, _address = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shard = script.shard_of[first_asset_id(accepted)]
        sockets[shard] = accepted
        accepted.sendall(b"".join(script.openings[shard]))
    go.wait()
    if rate:
        send_paced(sockets, script.traffic, frames, rate)
    else:
        send_all(sockets, script.traffic, frames)
    for accepted in sockets.values():
        while accepted.recv(65_536):  # until the client has hung up
            continue


def first_asset_id(accepted: socket.socket) -> str:
    """Do the handshake and return the first token of the subscription."""
    protocol = ServerProtocol()
    while True:
        protocol.receive_data(accepted.recv(65_536))
        for event in protocol.events_received():
            if isinstance(event, Frame):
                return str(json.loads(bytes(event.data))["assets_ids"][0])
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
        for data in protocol.data_to_send():
            accepted.sendall(data)


def send_all(sockets: dict[int, socket.socket], traffic: list[tuple[int, bytes]], frames: int) -> None:
    """Send the traffic as fast as the client takes it, each connection from a thread of its own."""
    whole, rest = divmod(frames, len(traffic))

    def send(shard: int, accepted: socket.socket) -> None:
        once = b"".join(frame for other, frame in traffic if other == shard)
        for _ in range(whole):
            accepted.sendall(once)
        accepted.sendall(b"".join(frame for other, frame in traffic[:rest] if other == shard))

    threads = [threading.Thread(target=send, args=pair) for pair in sockets.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send_paced(
    sockets: dict[int, socket.socket], traffic: Iterable[tuple[int, bytes]], frames: int, rate: int
) -> None:
    """Send so many frames a second, each when it is due, to a millisecond."""
    coming = itertools.cycle(traffic)
    begun = time.perf_counter()
    sent = 0
    while sent < frames:
        due = min(int((time.perf_counter() - begun) * rate), frames)
        for shard, frame in itertools.islice(coming, due - sent):
            sockets[shard].sendall(frame)
        sent = due
        time.sleep(0.001)
