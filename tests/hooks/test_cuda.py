"""On a machine with a GPU: logging must not wait for it."""

import time

import pytest
import torch
from tests.hooks.fake_service import FakeService

import gadwatch_hooks
from gadwatch_hooks.values import freeze, is_ready, numbers_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def busy(seconds: float) -> None:
    torch.cuda._sleep(int(seconds * 1e9))


def test_a_cuda_scalar_is_not_waited_for_on_the_training_thread(service: FakeService) -> None:
    loss = torch.tensor(1.5, device="cuda")
    run = gadwatch_hooks.init(id="r", url=service.url)
    run.log({"warm": loss.clone()}, step=0)
    assert run.flush(10)
    busy(1.0)
    loss += 1
    begun = time.perf_counter()
    run.log({"loss": loss, "half": loss.half(), "plain": 1.0}, step=1)
    assert time.perf_counter() - begun < 0.5
    loss += 1  # queued behind the copy
    assert run.flush(20)
    run.finish()
    assert service.values("loss") == [2.5]
    assert service.values("half") == [2.5]


def test_a_copy_is_ready_once_the_device_has_come_to_it() -> None:
    busy(0.5)
    frozen = freeze({"a": torch.tensor(0.5, device="cuda") * 2})
    assert not is_ready(frozen)
    torch.cuda.synchronize()
    assert is_ready(frozen)
    assert numbers_of(frozen)[0] == {"a": 1.0}


def test_gad_metrics_stay_on_the_device() -> None:
    scores = torch.rand(8, device="cuda")
    found = gadwatch_hooks.gad_metrics(scores + 1, scores, temperature=2.0)
    assert found["critic/d_acc"].is_cuda
    assert numbers_of(freeze(found))[0]["critic/d_acc"] == 1.0
