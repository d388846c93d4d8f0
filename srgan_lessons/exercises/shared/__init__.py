"""Code that the judges of several exercises share. Each module is named after what it does."""
