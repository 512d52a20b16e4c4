"""What a request passes on its way; each file is one layer and knows no other."""
