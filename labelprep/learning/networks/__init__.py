"""The small U-Net, other people's networks, and the one face that all of them show."""
