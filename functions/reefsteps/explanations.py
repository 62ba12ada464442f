"""Every error that an execution can end with, in plain words: what it means and what to do. Page and mails use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What happened, what to do, and which buttons help (``retry``, ``replace``, ``corners``, ``delete``)."""

    meaning: str
    advice: str
    actions: tuple[str, ...]


_PHOTO = ("replace", "delete", "retry")
_WAIT = ("retry",)
_CRASHED = Explanation(
    "The program that works on the photograph stopped before it was done.",
    "Try again once. If it fails again, the photograph may be too large for the memory of this deployment. Tell the "
    "person who runs it, with the name of the run.",
    ("retry", "delete"),
)
_TIMED_OUT = Explanation(
    "A step took longer than it may.",
    "Try again. A very large photograph may always take too long: upload a smaller copy, or tell the person who runs "
    "ReefSteps.",
    ("retry", "replace", "delete"),
)
_AWS = Explanation(
    "AWS could not run a step, although it was tried several times.",
    "Try again in a few minutes. The photograph is safe.",
    _WAIT,
)
_SETUP = Explanation(
    "The deployment has a fault; the photograph has none.",
    "Tell the person who runs ReefSteps, with the message below. Try again once it is repaired.",
    _WAIT,
)

EXPLANATIONS: dict[str, Explanation] = {
    "InvalidSurveyKeyError": Explanation(
        "The photograph's name does not give year, island and position.",
        "Upload it again through the Upload page, which writes the name, and delete this one.",
        ("replace", "delete"),
    ),
    "InvalidImageError": Explanation(
        "The file cannot be read as a photograph: it is damaged, too large, or of a kind that ReefSteps does not read.",
        "Do what the message below says: copy a damaged file again from the camera's card. "
        "Export one of another kind as JPEG, PNG or TIFF. Then replace it here.",
        _PHOTO,
    ),
    "InvalidParameterError": Explanation(
        "The run was started with something that is not accepted, such as corners outside the picture.",
        "Start again from the page. Corners can be set anew on the Fix corners page.",
        ("corners", "retry"),
    ),
    "SpreadsheetError": Explanation(
        "Some lines of the CSV file cannot be read.",
        "Correct the lines named below and send the file again. Nothing has been changed.",
        (),
    ),
    "PhotoNotFoundError": Explanation(
        "The photograph, or the picture of an earlier step, is no longer there.",
        "If it was deleted on purpose, do nothing. Otherwise retry from the start, or upload it again.",
        ("retry", "replace"),
    ),
    "RelabelRefusedError": Explanation(
        "A photograph cannot get the name or the quadrat size that was asked for.",
        "The list on the Surveys page gives the reason. Change the list, or remove the obstacle, and start again.",
        (),
    ),
    "PointsRefusedError": Explanation(
        "Points cannot be kept for a photograph as it is now.",
        "The message says why for each photograph. No point of the import has been written.",
        (),
    ),
    "PhotoDeletedError": Explanation(
        "The photograph was deleted while this run was working on it.",
        "If it was deleted on purpose, nothing is to be done. Else upload it again.",
        ("replace",),
    ),
    "SupersededError": Explanation(
        "A newer photograph of the same position was uploaded while this run was under way.",
        "You need to do nothing: the newer photograph has a run of its own.",
        (),
    ),
    "QuadratNotFoundError": Explanation(
        "No quadrat frame was found that could be measured without a risk of a wrong crop.",
        "Set the four corners by hand on the Fix corners page; the run continues from there. If the frame is not whole "
        "in the photograph, replace it.",
        ("corners", "replace", "delete"),
    ),
    "NoQuadratError": Explanation(
        "A person recorded that the photograph shows no quadrat, so it is not measured.",
        "You need to do nothing. The Fix corners page takes the decision back.",
        ("corners",),
    ),
    "UnsupportedModelError": Explanation(
        "The model that was uploaded cannot be used.",
        "Tell the person who maintains the models. Try again once a good model is in place.",
        _WAIT,
    ),
    "ModelNotReadyError": Explanation(
        "The model is missing, or it is still being converted.",
        "Wait a few minutes and try again. If that does not help, no model has been uploaded: tell the person who runs "
        "ReefSteps.",
        _WAIT,
    ),
    "DatabaseUnavailableError": Explanation(
        "The database could not be reached for several minutes.",
        "Try again: only the last step is missing, the pictures are done.",
        _WAIT,
    ),
    "RelabellingUnderWayError": Explanation(
        "The photograph was being given another name or size.",
        "Try again when the new name or size is there.",
        _WAIT,
    ),
    "DiskFullError": Explanation(
        "The disk on which photographs are processed is full.",
        "Free space on that disk, or tell the person who runs ReefSteps; then try again. The photograph is safe.",
        _WAIT,
    ),
    "OutOfMemoryError": Explanation(
        "The step had not enough memory for this photograph.",
        "Try again. If it fails again, tell the person who runs ReefSteps. The photograph is safe.",
        _WAIT,
    ),
    "ConfigurationError": _SETUP,
    "ExistingTableError": _SETUP,
    "BadInputError": Explanation(
        "The photograph or a setting was not accepted.", "Read the message below, then replace or delete.", _PHOTO
    ),
    "TransientError": Explanation("A service could not be reached for a while.", "Try again in a few minutes.", _WAIT),
    "ReefStepsError": Explanation("The run was stopped on purpose.", "Read the message below.", _PHOTO),
    "Aborted": Explanation("Somebody stopped this run.", "Retry it if that was a mistake.", ("retry", "delete")),
    "Sandbox.Timedout": _TIMED_OUT,
    "States.Timeout": _TIMED_OUT,
    "States.HeartbeatTimeout": _TIMED_OUT,
    "Runtime.ExitError": _CRASHED,
    "Runtime.OutOfMemory": _CRASHED,
    "Lambda.Unknown": _CRASHED,
    "MemoryError": _CRASHED,
    "States.TaskFailed": _CRASHED,
    "Lambda.ClientExecutionTimeoutException": _AWS,
    "Lambda.ServiceException": _AWS,
    "Lambda.AWSLambdaException": _AWS,
    "Lambda.SdkClientException": _AWS,
    "StepFunctions.ExecutionLimitExceededException": _AWS,
    "StepFunctions.ExecutionAlreadyExistsException": _AWS,
    "StepFunctions.AWSStepFunctionsException": _AWS,
    "StepFunctions.SdkClientException": _AWS,
    **dict.fromkeys(
        (
            "Lambda.CodeArtifactUserPendingException",
            "Lambda.ResourceNotReadyException",
            "Lambda.ResourceConflictException",
            "Lambda.EC2ThrottledException",
            "Lambda.ENILimitReachedException",
        ),
        Explanation(
            "AWS was still getting a step ready, as it does when nobody has used it for some weeks.",
            "Try again in a few minutes. The photograph is safe.",
            _WAIT,
        ),
    ),
    "Lambda.TooManyRequestsException": Explanation(
        "Too many photographs were processed at once, for longer than a run waits.",
        "Try again when fewer runs are under way.",
        _WAIT,
    ),
    "Lambda.ResourceNotFoundException": _SETUP,
    "Runtime.ImportModuleError": _SETUP,
    "Runtime.HandlerNotFound": _SETUP,
    "States.Permissions": _SETUP,
    "States.Runtime": _SETUP,
    "States.QueryEvaluationError": _SETUP,
    "States.DataLimitExceeded": _SETUP,
    "ClientError": Explanation(
        "Storage (S3) refused a request, although it was tried several times.",
        "Try again in a few minutes. If that does not help, tell the person who runs ReefSteps, with the message "
        "below.",
        _WAIT,
    ),
    "EndpointConnectionError": _AWS,
    "ConnectionClosedError": _AWS,
    "ConnectTimeoutError": _AWS,
    "ReadTimeoutError": _AWS,
}
"""By the error's name as Step Functions reports it."""

UNKNOWN = Explanation(
    "The run failed for an unknown reason.",
    "Try again once. If it fails again, tell the person who runs ReefSteps, with the message below.",
    ("retry", "delete"),
)


_FIGURES = "Figures: "  # reframing.gate puts them last


def words_and_figures(message: str) -> tuple[str, str]:
    """Return a failure's message without its figures, and the figures; they are empty for most messages."""
    words, _, figures = message.partition(_FIGURES)
    return words.strip(), figures.strip()


def explain(error: str | None) -> Explanation:
    """Return the explanation of an error name; an unknown name gets a general one."""
    name = (error or "").replace("States.", "States.", 1)
    return EXPLANATIONS.get(name, UNKNOWN)
