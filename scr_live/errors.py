"""The exceptions of scr-live.

Everything a user can cause or mend is a ScrLiveError: its text is one paragraph that says what was
expected, what was found and what to do, and the command line prints it without a traceback.

    ScrLiveError                        exit code 1
    +-- OptionError (ValueError)        exit code 2: a wrong or contradictory option
    +-- SourceError (OSError)           the video coming in
    |   +-- SourceNotFoundError (FileNotFoundError)
    |   +-- SourceUnreadableError       it is there, and is no video that can be read
    |   +-- SourceTimeoutError (TimeoutError)
    |   +-- SourceLostError (ConnectionError)
    |       +-- SourceChangedError      it goes on, in another picture size
    +-- ModelError                      weights, cards, ONNX files
    |   +-- ModelNotFoundError (FileNotFoundError)
    |   +-- CardError (ValueError)      a card that is missing, malformed or does not fit its file
    +-- EngineError                     what runs the model
    |   +-- UnknownEngineError (ValueError)     exit code 2
    |   +-- EngineUnavailableError (ImportError)    an extra or a device is missing
    |   +-- InferenceError (RuntimeError)   it ran, and failed or answered nonsense
    |       +-- InferenceTimeoutError (TimeoutError)    it did not answer at all
    +-- SinkError (OSError)             what goes out
    |   +-- OutputExistsError (FileExistsError)
    |   +-- OutputUnwritableError       bad folder, no permission, disk full
    |   +-- NoDisplayError              this machine shows no windows
    +-- DataError (ValueError)          image sets, truth files, event logs
    +-- StageStuckError (TimeoutError)  a pipeline stage did not return within its grace
"""


class ScrLiveError(Exception):
    """Root of all errors that scr-live raises on purpose."""

    exit_code = 1


class OptionError(ScrLiveError, ValueError):
    """An option has a wrong value, or two options contradict each other."""

    exit_code = 2


class SourceError(ScrLiveError, OSError):
    """The video source failed."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is nothing at the path, device or address."""


class SourceUnreadableError(SourceError):
    """Something is there, but no video can be read from it."""


class SourceTimeoutError(SourceError, TimeoutError):
    """The source did not answer in time."""


class SourceLostError(SourceError, ConnectionError):
    """A source that had delivered frames stopped."""


class SourceChangedError(SourceLostError):
    """A live source goes on with pictures of another size: it is to be opened again."""


class DecoderFailedError(SourceLostError):
    """A device that decodes failed: the source is to be opened again, and is decoded in software then."""


class ModelError(ScrLiveError):
    """A model cannot be used."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """There is no model of that name or path."""


class CardError(ModelError, ValueError):
    """The model card is missing, malformed, or does not fit the file it describes."""


class EngineError(ScrLiveError):
    """An inference engine failed."""


class UnknownEngineError(EngineError, ValueError):
    """No engine has this name."""

    exit_code = 2


class EngineUnavailableError(EngineError, ImportError):
    """The engine exists but its extra, driver or device is missing here."""


class InferenceError(EngineError, RuntimeError):
    """Inference raised, or returned something that is no probability map."""


class InferenceTimeoutError(InferenceError, TimeoutError):
    """The engine did not answer in time."""


class SinkError(ScrLiveError, OSError):
    """An output failed."""


class OutputExistsError(SinkError, FileExistsError):
    """The output file exists and --force was not given."""


class OutputUnwritableError(SinkError):
    """The output cannot be created, or could not be written further."""


class NoDisplayError(SinkError):
    """This machine cannot show a window."""


class DataError(ScrLiveError, ValueError):
    """An image set, a truth file or an event log is incomplete or inconsistent."""


class StageStuckError(ScrLiveError, TimeoutError):
    """A pipeline stage did not return within its grace."""
