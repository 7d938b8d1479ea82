"""Training of `transcribe`: units from sound by CTC."""
