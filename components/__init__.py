"""What a region is made of: one component a file, from the data stores up to the ingress."""
