"""Single units of an input taken away: each anew, or by reading on from where it stood."""
