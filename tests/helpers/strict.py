"""What data.strict says of lists alone, without samples."""

import numpy as np

from bench.datasets.core.adapters.notes import check_strict


def check_lists(parts):
    """Raises UserError naming all ids of all faults, if the lists have any."""
    check_strict("lists", (), np.zeros(0, np.uint32), parts.issues)
