"""What training and measuring read."""
