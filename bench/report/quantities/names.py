"""Names of the quantities that the suite itself asks for."""

ACCURACY, HEAD, PROBE = "accuracy", "head", "probe"
