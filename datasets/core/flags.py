"""What can be wrong with a sample: one bit each, stored beside the samples."""

from collections.abc import Sequence
from enum import IntFlag

import numpy as np


class Flag(IntFlag):
    """The order is part of the format of a cache: append only."""

    MISSING = 1 << 0
    LFS_POINTER = 1 << 1
    EMPTY = 1 << 2
    UNDECODABLE = 1 << 3
    TRUNCATED = 1 << 4
    SILENT = 1 << 5
    FROZEN = 1 << 6
    SHORT = 1 << 7
    AV_MISMATCH = 1 << 8
    DUP_ID = 1 << 9
    CONFLICT = 1 << 10
    DUP_MEDIA = 1 << 11
    OVERLAP = 1 << 12
    BAD_LABEL = 1 << 13
    WRONG_TYPE = 1 << 14
    CONVERTED = 1 << 15  # resampled, several channels averaged, or text of another encoding
    EMPTY_TEXT = 1 << 16
    BLANK = 1 << 17  # a picture in one tone
    OVERSCALE = 1 << 18  # a recording of floats goes beyond full scale


def flag_rows(flags: np.ndarray, ids: Sequence[str], shown: int = 3) -> list[tuple[str, str]]:
    """Per flag that is set anywhere: its name, how many samples have it and the first ids.

    flags: [N] uint32. ids: [N].
    """
    rows = []
    for flag in Flag:
        places = np.flatnonzero(flags & np.uint32(flag))
        if len(places):
            first = ", ".join(ids[i] for i in places[:shown])
            more = ", ..." if len(places) > shown else ""
            rows.append((f"flag {flag.name}", f"{len(places)} ({first}{more})"))
    return rows
