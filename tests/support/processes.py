"""Child processes of tests."""

import signal


def heed_interrupts():
    """``preexec_fn`` of a child: tests that run in the background of a shell inherit a SIGINT that is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
