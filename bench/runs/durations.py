"""Durations in words."""


def clock(seconds: float) -> str:
    """2 s, 3 min 20 s, 4 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{max(whole, 1)} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
