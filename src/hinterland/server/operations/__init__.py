"""What each row of the table of operations does, whatever protocol asks: `async (backend, Call[Input]) -> Output`."""
