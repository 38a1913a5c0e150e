"""What the machine has to offer to the service: each thing looked at, and what to do where it falls short."""
