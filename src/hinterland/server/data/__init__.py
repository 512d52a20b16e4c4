"""Records and what happens to them: declarations, the writer, lists, the log's readers, synchronisation."""
