"""Questions to collections as values, and the one compiler that makes SQL of them."""
