"""Plain HTTP: the table of operations, mounted."""
