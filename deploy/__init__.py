"""What brings the job to where it runs."""
