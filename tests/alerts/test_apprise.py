"""The optional way to everything else."""

import sys
from types import ModuleType
from typing import Any

import pytest

from gadwatch_service.alerts.adapters.apprise import AppriseAdapter
from gadwatch_service.alerts.events import Reason
from gadwatch_service.alerts.outcome import Result
from tests.alerts.test_adapters import NOW, Outgoing, outgoing
from tests.alerts.test_texts import finding


class Target:
    """Stands in for apprise.Apprise where the package is not installed."""

    sent: list[dict[str, Any]]
    works = True

    def add(self, url: str) -> bool:
        return url.startswith("tgram://")

    def notify(self, **message: Any) -> bool:
        Target.sent.append(message)
        return Target.works


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    Target.sent, Target.works = [], True
    module = ModuleType("apprise")
    module.Apprise = Target  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)
    monkeypatch.setattr("gadwatch_service.alerts.adapters.apprise.find_spec", lambda _name: module)


def test_without_the_package_one_is_told_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gadwatch_service.alerts.adapters.apprise.find_spec", lambda _name: None)
    with pytest.raises(ValueError, match="install the package apprise"):
        AppriseAdapter().check("tgram://token/chat")


@pytest.mark.parametrize("url", ["json://127.0.0.1/", "XMLS://inside/", "form://x"])
def test_its_plain_web_requests_are_refused(url: str, installed: None) -> None:
    with pytest.raises(ValueError, match="kind webhook"):
        AppriseAdapter().check(url)


def test_unknown_urls_are_refused_and_known_ones_shown_without_their_secret(
    installed: None,
) -> None:
    with pytest.raises(ValueError, match="does not understand"):
        AppriseAdapter().check("nothing://at/all")
    assert AppriseAdapter().check("tgram://token/chat") == "tgram://…"


@pytest.mark.anyio
async def test_success_and_failure_are_what_apprise_reports(installed: None) -> None:
    message = outgoing((Reason.FIRST, finding()))
    message = Outgoing("msg_1", message.message, message.text, "tgram://token/chat", (), NOW)
    assert (await AppriseAdapter().send(message)).result is Result.DELIVERED
    assert Target.sent[0]["notify_type"] == "failure"
    Target.works = False
    assert (await AppriseAdapter().send(message)).result is Result.RETRY
