"""``pipeline predict``: new images, in CSV files or pictures, through the trained network."""
