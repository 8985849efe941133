"""Kaggle's own program: find it, run it, and turn its failures into errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.child_process import run_child
from pipeline.errors import ConfigError, PipelineError, StageError, pip_install, shortened

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
SITE = "https://www.kaggle.com"
CREDENTIALS = f"create a token at {SITE}/settings/api and save it as ~/.kaggle/access_token, or in KAGGLE_API_TOKEN"
PACKAGES = ("kaggle", "six")  # it imports six, and its package does not say so
SHOWN = 3  # lines of what Kaggle's program printed
LONGEST = 200  # letters of such a line
HIDDEN = "[hidden]"
TRY_AGAIN = f"see whether {SITE} opens, and try again"

# What versions 1.6 to 2.2 print. Without a network that includes a traceback, which names access tokens too.
BROKEN = re.compile(r"^(?:ModuleNotFoundError|ImportError): (.*)", re.MULTILINE)
UNREACHABLE = re.compile(
    r"Max retries exceeded|[Nn]ame ?[Rr]esolution|Failed to resolve|ConnectionError|ProxyError|SSLError|Timeout\b"
    r"|Connection (?:refused|reset|aborted)|timed out|Network is unreachable"
)
USED_UP = re.compile(r"[Ss]ubmission not allowed|submission allowance|[Dd]aily (?:submission )?limit")
# Kaggle rejects the token, or the token lacks a permission; and no other 403.
NO_TOKEN = re.compile(r"\b403\b[^\n]*(?:OAuth|IntrospectToken)|Permission '(?!competitions\.)[^'\n]*' was denied")
NOT_JOINED = re.compile(
    r"\b403\b|Forbidden|accept (?:its|this competition's) rules|competitions\.participate|don't have access"
)
NOT_AUTHENTICATED = re.compile(
    r"\b401\b|Unauthori[sz]ed|[Aa]uthenticat|kaggle\.json|access_token|Missing (?:username|key)|KAGGLE_API_TOKEN"
)
NOT_FOUND = re.compile(r"\b404\b|Not Found|Could not find competition")
BAD_REQUEST = re.compile(r"\b400\b|Bad Request")  # older versions print no more when a quota is used up
# Failures that end with exit code 0: in older versions, and after an interrupt.
NOT_DONE = re.compile(r"Could not (?:find|submit)|Upload unsuccessful|User cancelled")

PROGRESS = re.compile(r"\d+%\|")

SECRETS = (
    (re.compile(r"(://)[^/\s@]+@"), rf"\1{HIDDEN}@"),  # a proxy's password
    (re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+"), rf"\1?{HIDDEN}"),  # a signed address
    (re.compile(r"\bKGAT_\w+|\b[0-9a-fA-F]{32,}\b"), HIDDEN),  # a token, a key
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{4,}(?:\.[\w-]*)*"), HIDDEN),  # a JSON web token
    (re.compile(r"(?i)(cookie[\"']?\s*[:=]\s*).+"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"(?i)((?:token|key|passw(?:or)?d|secret|session[\w-]*)(?: is)?[\"']?\s*[:=]\s*[\"']?)[^\s\"',}&;]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(passw(?:or)?d)\s+(?!(?:is|was|for|of|and|or|must|has)\b)[^\s:=]+"), rf"\1 {HIDDEN}"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How Kaggle's program ended: its exit code, its standard output (``text``), and all that it printed (``said``)."""

    code: int
    text: str
    said: str

    @property
    def is_done(self) -> bool:
        """Whether it succeeded."""
        return not self.code and not NOT_DONE.search(self.said)


def require_competition(name: str) -> None:
    """Raise ConfigError if ``name`` cannot be the name of a competition."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' is not the name of a competition",
            hint=f"take it from the address: digit-recognizer for {SITE}/competitions/digit-recognizer",
        )


def find_program(without_it: str) -> str:
    """The path of Kaggle's program, on PATH or beside this Python; ``without_it`` is the hint how to do without it.

    Raises ConfigError if it is in neither place.
    """
    beside = str(Path(sys.executable).parent)
    places = [place for place in os.get_exec_path() if Path(place).is_absolute()]  # never the current folder
    program = shutil.which("kaggle", path=os.pathsep.join([*places, beside]))
    if program is None:
        raise ConfigError("Kaggle's program is not installed", hint=f"{pip_install(*PACKAGES)}, or {without_it}")
    return program


def call(program: str, words: Sequence[str], *, seconds: float | None = None, hint: str = TRY_AGAIN) -> Answer:
    """Run Kaggle's program with the arguments ``words``, for at most ``seconds``. It cannot ask the person anything.

    Raises StageError if it takes longer, and was stopped, or if it cannot be run.
    """
    try:
        done = run_child([program, *words], seconds=seconds)
    except subprocess.TimeoutExpired:
        raise StageError(
            f"Kaggle's program did not end within {seconds:g} seconds, and was stopped",
            hint=hint,
        ) from None
    except OSError as error:
        raise StageError(
            f"Kaggle's program cannot be run: {error.strerror}", where=program, hint="install it anew"
        ) from error
    return Answer(done.returncode, done.stdout, f"{done.stdout}\n{done.stderr}")


def refusal(name: str, answer: Answer, *, asked: str, did: str, hint: str = TRY_AGAIN) -> PipelineError:
    """The error for a failed call. ``asked`` and ``did`` name the call: "the download", "downloaded nothing".

    ``hint`` is used where it is not known what Kaggle has done.
    """
    said = answer.said
    if broken := BROKEN.search(said):
        return StageError(
            f"Kaggle's program does not start: {without_secrets(broken[1])}",
            hint=f"install what it lacks: {pip_install(*PACKAGES)}",
        )
    if UNREACHABLE.search(said):
        return StageError("Kaggle cannot be reached", where=last_lines(said, 1), hint=hint)
    if USED_UP.search(said):
        return StageError(
            "Kaggle takes no more submissions today",
            where=last_lines(said),
            hint="each team has a number of them a day; the next day begins at midnight UTC",
        )
    if NO_TOKEN.search(said):
        return StageError("Kaggle refuses the token (403)", where=last_lines(said, 1), hint=CREDENTIALS)
    if NOT_JOINED.search(said):
        return StageError(
            f"Kaggle refuses {asked} (403): the competition's rules have not been accepted",
            where=f"{SITE}/competitions/{name}/rules",
            hint="accept the rules there, signed in as the owner of the token, and try again",
        )
    if NOT_AUTHENTICATED.search(said):
        return StageError("Kaggle does not know who you are", hint=CREDENTIALS)
    if NOT_FOUND.search(said):
        return StageError(f"Kaggle has no competition '{name}'", hint=f"look its name up at {SITE}/competitions")
    if BAD_REQUEST.search(said):
        return StageError(
            f"Kaggle refuses {asked} (400)",
            where=last_lines(said),
            hint=f"perhaps today's submissions are used up, or you have not joined: {SITE}/competitions/{name}",
        )
    end = f"exit code {answer.code}" if answer.code >= 0 else f"killed by signal {-answer.code}"
    what = "Kaggle's program failed" if answer.code else f"Kaggle's program {did}"
    return StageError(f"{what} ({end})", where=last_lines(said), hint=hint)


def last_lines(said: str, most: int = SHOWN) -> tuple[str, ...]:
    """The last lines that Kaggle's program printed, without secrets and progress bars, for an error's ``where``."""
    told = (line.strip() for line in without_secrets(said).splitlines())
    lines = [line for line in told if line and not PROGRESS.match(line)]
    return ("what it said:", *(shortened(line, LONGEST) for line in lines[-most:])) if lines else ("",)


def without_secrets(text: str) -> str:
    """``text`` without the values of KAGGLE_* variables, and without what looks like a token, a key or a password."""
    values = {value for name, value in os.environ.items() if name.startswith("KAGGLE_") and len(value) >= 4}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
