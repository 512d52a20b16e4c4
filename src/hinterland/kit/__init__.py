"""Tools that know nothing of the product."""
