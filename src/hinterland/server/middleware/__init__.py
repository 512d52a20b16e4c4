"""What every request passes on its way in: its bounds, its id, and the rules of other origins."""
