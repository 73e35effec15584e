"""Running what is asked for: worker processes on this machine, and what they show."""
