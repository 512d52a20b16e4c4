"""Where records, the log and the system's rows are kept: one protocol, two databases, one suite that each passes."""
