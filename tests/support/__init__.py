"""What several folders of tests share: a real PostgreSQL, a real server process, and what a machine may lack."""
