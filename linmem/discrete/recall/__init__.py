"""Infinite input: how many steps to recall from the state of a network whose memory fades (spectral radius q < 1)."""
