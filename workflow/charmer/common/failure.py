"""The one exception that is meant for a person's eyes."""


class Failure(Exception):
    """A problem that the person at the keyboard can mend.

    The message is one line that names the file or the knob, says what is wrong with it, and what to do.
    Scripts and commands show it as it stands, without a traceback; any other exception is a defect of
    Charmer and keeps its traceback in the log.
    """


DISK_FULL = "the disk is full; free some room and run the same command again, nothing is lost"
