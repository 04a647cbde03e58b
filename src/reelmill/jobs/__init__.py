"""What a job is: states, failures, retry policy, view. Pure: no input or output."""
