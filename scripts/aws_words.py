"""What went wrong between a command and AWS, in words that say what to do."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

_SIGN_IN = "Sign in (aws sso login, or aws configure) or set AWS_PROFILE, then run this again."
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


def explained(error: BotoCoreError | ClientError) -> str:
    """Return one sentence or two about the error: what is missing, and whether to try again."""
    missing = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError, SSOError, ProfileNotFound)
    if isinstance(error, missing):
        return f"There are no valid AWS credentials ({str(error).rstrip('.')}). {_SIGN_IN}"
    details = error.response["Error"] if isinstance(error, ClientError) else {}
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    if code in _EXPIRED:
        return f"AWS does not take these credentials, or no longer ({code}). {_SIGN_IN}"
    if code in _DENIED:
        return f"These credentials may not do this: {message or error}. Use those of who deploys."
    if code == "ValidationError" and "does not exist" in message:
        return f"{message}: nothing is deployed under this name in this region, or only a part. Run make deploy."
    return f"AWS refused, or did not answer: {error}. It is safe to run this again."
