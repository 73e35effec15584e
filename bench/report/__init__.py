"""Tables and figures from run directories. Nothing here trains, and nothing imports torch."""
