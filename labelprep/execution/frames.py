"""How a guard and its child talk: frames of a length, a kind and bytes, over pipes."""

from __future__ import annotations

from typing import BinaryIO

READY, ANSWER, END, NO_MEMORY, ERROR = b"R", b"A", b"E", b"M", b"X"
"""The child has loaded the work; one sample's answer; the batch is done; memory ran out; the work raised an error."""


def write_frame(stream: BinaryIO, kind: bytes, content: bytes = b"") -> None:
    """Writes a frame; nothing of it stays in a buffer.

    Args:
        stream: a pipe.
        kind: one byte.
        content: the rest.
    """
    stream.write(len(content).to_bytes(8, "big") + kind + content)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Kind and content of the next frame; None where the other side has gone, also in the middle of a frame."""
    head = stream.read(9)
    if len(head) < 9:
        return None
    length = int.from_bytes(head[:8], "big")
    content = stream.read(length)
    return (head[8:], content) if len(content) == length else None


def split_frames(received: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Kind and content of every whole frame, and the bytes behind the last of them.

    >>> split_frames(b"\\0\\0\\0\\0\\0\\0\\0\\2AokE\\0")
    ([(b'A', b'ok')], b'E\\x00')
    """
    frames, at = [], 0
    while at + 9 <= len(received):
        end = at + 9 + int.from_bytes(received[at : at + 8], "big")
        if end > len(received):
            break
        frames.append((received[at + 8 : at + 9], received[at + 9 : end]))
        at = end
    return frames, received[at:]
