"""Every error that a user or an operator may meet, in one place.

Lambda reports ``type(error).__name__``, so the class name is the error's name in the Step Functions console and in the
page. Names are part of the interface. The message tells the reader what to do.

Families decide what the state machine does. A ``BadInputError`` is never retried, because trying again cannot help. If
the photograph or the execution's input is at fault (`REFUSALS`), the execution ends in the state ``Failed``. A
``TransientError`` is retried, because waiting can help. A transient error that lasts, or a missing grant, can be
repaired without a new photograph. Then the execution ends in the task that failed. Step Functions' redrive then
continues there.
"""


class ReefStepsError(Exception):
    """Base of all errors that ReefSteps raises on purpose."""


class BadInputError(ReefStepsError):
    """The photograph, key, model or parameter is at fault: never retried, the original is kept."""


class TransientError(ReefStepsError):
    """Something that the pipeline needs is not there yet: retried by the state machine."""


class InvalidSurveyKeyError(BadInputError):
    """An object key that is not ``{year}-{island}-{location}.{ext}``."""


class InvalidImageError(BadInputError):
    """An object that is no readable photograph within the stated limits."""


class InvalidParameterError(BadInputError):
    """An execution input (step to start from, corners, quadrat side, method) outside what is accepted."""


class SpreadsheetError(BadInputError):
    """A CSV file of a person that cannot be read rightly; the message lists every line at fault, and the remedy."""


class PhotoNotFoundError(BadInputError):
    """The object, or the earlier step's picture, is not in its bucket (deleted or never written)."""


class SupersededError(BadInputError):
    """A newer version of the photograph has reached this step: the older execution stops and changes nothing."""


class PhotoDeletedError(SupersededError):
    """The photograph was deleted while a run measured it: the run stops, and what it has made is removed."""


class QuadratNotFoundError(BadInputError):
    """No quadrat frame in the photograph that can be measured without a risk of a wrong crop."""


class RelabelRefusedError(BadInputError):
    """A photograph cannot get the name or size that was asked for; nothing has been changed."""


class PointsRefusedError(BadInputError):
    """Points of a person cannot be kept for a photograph as it is now; none of the import has been written."""


class NoQuadratError(BadInputError):
    """A person has said that the photograph shows no quadrat: the run ends without a result, and not as a failure."""


class UnsupportedModelError(BadInputError):
    """A checkpoint that is no supported Mask R-CNN, damaged, or not safe to read."""


class ModelNotReadyError(TransientError):
    """The converted model is not in the model bucket (yet)."""


class DatabaseUnavailableError(TransientError):
    """The database is paused, waking up or out of reach."""


class DiskFullError(TransientError):
    """The disk that a step or the local stack writes to is full."""


class RelabellingUnderWayError(TransientError):
    """The photograph is being given another name or size: its result has to wait until that is done."""


class OutOfMemoryError(TransientError):
    """A step had not enough memory for this photograph or model."""


class ConfigurationError(ReefStepsError):
    """An environment variable of the function is missing or malformed: the deployment is at fault."""


class ExistingTableError(ConfigurationError):
    """A table that was in the database before cannot be used as it is; the message says why and what to do."""


REFUSALS = frozenset(
    kind.__name__
    for kind in (
        InvalidSurveyKeyError,
        InvalidImageError,
        InvalidParameterError,
        PhotoNotFoundError,
        QuadratNotFoundError,
    )
)
"""Names of the errors for which the photograph, its name or the execution's input is at fault."""
