"""What the judges of several exercises share, each module named by what it does."""
