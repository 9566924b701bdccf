"""Label placement in charts: names that can be read, beside a line's end or near a point among points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""left, bottom, right, top in pixels."""

NEAR, FAR = 9.0, 22.0
"""Pixels from a point within which its name needs no leader, and the step to the next ring of spots."""
_SIDES = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights in [0, 1] near the `wanted` ones (ascending), none closer than `gap` as long as there is room.

    >>> spread([0.5, 0.51], 0.1)
    [0.455, 0.555]
    """
    blocks: list[tuple[float, int]] = []  # the start of a run of touching labels, and how many it holds
    for value in wanted:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] + gap * blocks[-2][1] > blocks[-1][0]:
            start, size = blocks.pop()
            before, others = blocks.pop()
            blocks.append(
                ((before * others + (start - gap * others) * size) / (others + size), others + size)
            )
    heights = [start + gap * n for start, size in blocks for n in range(size)]
    last = len(heights) - 1
    for n in reversed(range(len(heights))):
        heights[n] = min(heights[n], 1 - gap * (last - n))
    return [round(max(height, gap * n), 6) for n, height in enumerate(heights)]


@dataclass(frozen=True)
class Spot:
    """A name's box, and whether it is far enough from its point to need a leader line."""

    box: Box
    leader: bool


def place_names(
    points: Sequence[tuple[float, float]], widths: Sequence[float], lines: Sequence[Box], room: Box
) -> list[Spot]:
    """A spot for each point's name: the one that covers least of other names, points and lines, then the
    nearest.

    Points that stand alone are placed last, as they have the most freedom. All in pixels; `lines` are the
    boxes of whiskers, `room` the box that names must stay in.
    """
    dots = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    spots: dict[int, Spot] = {}
    for number in sorted(range(len(points)), key=lambda n: (_nearest(points, n), n)):
        names = [spot.box for spot in spots.values()]

        def cost(spot: Spot, names: Sequence[Box] = names) -> float:
            box = spot.box
            covered = 8 * _covered(box, names) + 4 * _covered(box, dots) + _covered(box, lines)
            return covered + 500 * _outside(box, room) + (150 if spot.leader else 0)

        spots[number] = min(_candidates(points[number], widths[number]), key=cost)
    return [spots[number] for number in range(len(points))]


def _candidates(point: tuple[float, float], width: float, height: float = 15.0) -> list[Spot]:
    spots = []
    for ring in range(5):
        away = NEAR + ring * FAR
        for across, up in _SIDES:
            left = point[0] + across * away - (width if across < 0 else width / 2 if across == 0 else 0)
            middle = point[1] + up * (away + (4 if across == 0 else 0))
            spots.append(Spot((left, middle - height / 2, left + width, middle + height / 2), ring > 0))
    return spots


def _nearest(points: Sequence[tuple[float, float]], number: int) -> float:
    x, y = points[number]
    return min(((x - a) ** 2 + (y - b) ** 2 for n, (a, b) in enumerate(points) if n != number), default=0.0)


def _covered(box: Box, others: Sequence[Box]) -> float:
    return sum(
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in others
    )


def _outside(box: Box, room: Box) -> float:
    return sum(
        max(0.0, beyond)
        for beyond in (room[0] - box[0], room[1] - box[1], box[2] - room[2], box[3] - room[3])
    )
