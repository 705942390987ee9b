"""What the records of a run have said so far, for whoever replays, counts or cuts them."""
