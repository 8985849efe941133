"""What Kaggle's program says is understood, bounded, and shown without secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from made_kaggle import Kaggle, answer

from pipeline.errors import ConfigError, StageError
from stages.commands.kaggle_program import Answer, call, find_program, last_lines, refusal, without_secrets

# The real ones, of versions 1.6 to 2.2, shortened.
NO_NETWORK = """\
  File "kaggle/api/kaggle_api_extended.py", line 1496, in authenticate
    if self._authenticate_with_access_token():
  File "kaggle/api/kaggle_api_extended.py", line 1567, in _authenticate_with_access_token
requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.kaggle.com', port=443): Max retries exceeded with \
url: /v1/security.OAuthService/IntrospectToken (Caused by NameResolutionError("Failed to resolve 'api.kaggle.com'"))"""
NO_MODULE = """\
Traceback (most recent call last):
  File "kaggle/models/upload_file.py", line 22, in <module>
    import six
ModuleNotFoundError: No module named 'six'"""
USED_UP = "Submission not allowed:  Your team has used its submission allowance (5 of 5).  This resets at midnight UTC."
MEANINGS = {
    NO_NETWORK: "Kaggle cannot be reached",
    NO_MODULE: "Kaggle's program does not start: No module named 'six'",
    USED_UP: "Kaggle takes no more submissions today",
    f"403 - Forbidden - {USED_UP}": "Kaggle takes no more submissions today",
    "403 - Forbidden - Permission 'competitions.participate' was denied": "the competition's rules have not been",
    "Denied\n\nYou don't have access to this resource.": "the competition's rules have not been accepted",
    "403 - Forbidden - You must accept this competition's rules before you'll be able to download files.": (
        "accept the rules there, signed in as the owner of the token"
    ),
    "403 Client Error: Forbidden for url: https://www.kaggle.com/api/v1/competitions": "accept the rules",
    "Authentication required to call the Kaggle API.": "Kaggle does not know who you are",
    "You must authenticate before you can call the Kaggle API.": "KAGGLE_API_TOKEN",
    "401 Client Error: Unauthorized for url: https://api.kaggle.com/v1": "create a token",
    "ValueError: Error: Missing username in configuration.": "~/.kaggle/access_token",
    "OSError: Could not find kaggle.json. Make sure it's located in /root/.kaggle.": "does not know who you are",
    "Could not find competition - please verify that you entered the correct competition ID": "has no competition 'x'",
    "400 Client Error: Bad Request for url: https://www.kaggle.com/api/v1": "Kaggle refuses the download (400)",
    "403 Client Error: Forbidden for url: https://api.kaggle.com/v1/security.OAuthService/IntrospectToken": (
        "Kaggle refuses the token (403)"
    ),
    "403 - Forbidden - Permission 'kernels.get' was denied": "Kaggle refuses the token (403)",
    "something new": "Kaggle's program failed (exit code 1)",
}


@pytest.mark.parametrize("said", MEANINGS)
def test_each_refusal_has_its_own_error(said: str) -> None:
    told = str(refusal("x", Answer(1, "", said), asked="the download", did="downloaded nothing"))
    assert MEANINGS[said] in told
    assert "hint:" in told
    assert len(told.splitlines()) <= 6


@pytest.mark.parametrize(
    "said", ["Could not find competition", "Could not submit to competition", "User cancelled operation"]
)
def test_exit_code_0_with_a_message_of_failure_is_a_failure(said: str) -> None:
    assert not Answer(0, "", said).is_done
    assert Answer(0, "", "Successfully submitted to Digit Recognizer").is_done
    assert not Answer(1, "", "Successfully submitted to Digit Recognizer").is_done


def test_the_signal_that_killed_the_program_is_shown(kaggle: Kaggle) -> None:
    kaggle.will("submit", answer("halfway", code=-9))
    got = call(str(kaggle.folder / "kaggle"), ["competitions", "submit"])
    told = str(refusal("x", got, asked="the submission", did="sent nothing"))
    assert "killed by signal 9" in told
    assert "halfway" in told


def test_a_program_that_hangs_is_stopped(kaggle: Kaggle) -> None:
    kaggle.will("submit", answer(hangs=True))
    with pytest.raises(StageError, match=r"did not end within 0\.05 seconds"):
        call(str(kaggle.folder / "kaggle"), ["competitions", "submit"], seconds=0.05)


def test_a_program_that_cannot_be_run_is_reported(tmp_path: Path) -> None:
    (tmp_path / "kaggle").write_text("no program")
    with pytest.raises(StageError, match="cannot be run"):
        call(str(tmp_path / "kaggle"), ["competitions", "submit"])


HIDDEN = "s3cr3t-of-mine-0123"


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer {}",
        "401 for KAGGLE_API_TOKEN={}",
        '{{"username": "me", "key": "{}"}}',
        "PUT https://storage.googleapis.com/upload?upload_id={}&x=1 failed",
        "proxy http://me:{}@proxy.example:3128 refused",
        "the password is: {}",
        "wrong password {}",
        "Cookie: a=b; sessionid={}; c=d",
        "POST /x sessionid={}&x=1",
        "token eyJhbGciOi.eyJzdWIi.{}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(said: str) -> None:
    assert HIDDEN not in without_secrets(said.format(HIDDEN))


def test_the_values_of_kaggles_variables_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "open sesame")
    monkeypatch.setenv("KAGGLE_USERNAME", "open")
    assert without_secrets("it said open sesame to us") == "it said [hidden] to us"
    for token in ("KGAT_abcDEF0123456789", "0123456789abcdef" * 2):
        assert without_secrets(f"token {token}.") == "token [hidden]."
    assert without_secrets("api_token=abc") == "api_token=[hidden]"
    assert without_secrets("the password is wrong") == "the password is wrong"
    harmless = "HTTPSConnectionPool(host='api.kaggle.com', port=443): Max retries exceeded"
    assert without_secrets(harmless) == harmless


def test_progress_bars_are_not_shown() -> None:
    said = "  0%|          | 0.00/208k [00:00<?, ?B/s]\r100%|██████████| 208k/208k [00:00<00:00, 9.44MB/s]\nToo many"
    assert last_lines(said) == ("what it said:", "Too many")


def test_few_lines_of_its_output_are_shown() -> None:
    shown = last_lines("\n".join(f"{number} {'x' * 10_000}" for number in range(1000)))
    assert len(shown) == 4
    assert max(map(len, shown)) < 250
    assert shown[-1].startswith("999 ")


@pytest.mark.parametrize("path", ["", ".", ":/nowhere", "bin"])
def test_a_program_of_that_name_in_the_current_folder_is_not_called(
    kaggle: Kaggle, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kaggle.folder.parent if path == "bin" else kaggle.folder)
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ConfigError, match="not installed"):
        find_program("download it")
    monkeypatch.setenv("PATH", f"{path}:{kaggle.folder}")
    assert find_program("download it") == str(kaggle.folder / "kaggle")
