"""The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation."""
