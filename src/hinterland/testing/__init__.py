"""What tests of an app use: a backend in memory, a faulty network, a hand-turned clock."""
