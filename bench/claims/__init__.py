"""What is said of LSTM, Bi-LSTM and GRU, one experiment a claim; see __main__.py."""
