"""A region on AWS, from its network up. Imported on the platform `aws` alone."""
