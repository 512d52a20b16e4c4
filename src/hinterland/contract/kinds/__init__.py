"""The kinds of fields, one file each: what a value of the kind is, and nothing about who asks."""
