"""Where a run computes: devices and precisions that are there, and a sentence for those that are not."""

import pytest
import torch

from srgan_lessons import UserError, precision, processes
from srgan_lessons.device import is_out_of_memory
from srgan_lessons.training import Options, Recipe, machine
from srgan_lessons.training.machine import BF16_CHANNELS, Machine


@pytest.fixture
def gpu(monkeypatch):
    """torch as it answers on a machine with one GPU, as far as Machine asks: an H100, or another capability."""
    chosen = []

    def set_device(device):
        # torch refuses a device without an index, which "cuda" is: no run could start on a GPU because of that
        index = device if isinstance(device, int) else torch.device(device).index
        if index is None:
            raise ValueError("Expected a torch.device with a specified index")
        chosen.append(index)

    def make(capability=(9, 0), count=1):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", set_device)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: f"GPU {capability}")
        return chosen

    return make


@pytest.mark.parametrize("name", [None, "cuda", "cuda:0"])
def test_a_run_starts_on_a_gpu(gpu, name):
    chosen = gpu()
    assert Machine(name).device == torch.device("cuda", 0)
    assert chosen == [0]


def test_each_process_takes_its_own_gpu(gpu, monkeypatch):
    gpu(count=4)
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert Machine().device == torch.device("cuda", 2)
    assert Machine("cuda:1").device == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("cuda:1", 1, "there is no such GPU. This machine has 1"),
        ("cuda:7", 4, "there is no such GPU. This machine has 4"),
        ("cuda", 0, "finds no GPU"),
        ("tpu", 1, "unknown device 'tpu'"),
        ("cuda:x", 1, "unknown device 'cuda:x'"),
        ("meta", 0, "device meta: this version of torch cannot use it here"),  # it computes nothing
        ("hpu", 0, "device hpu: this version of torch cannot use it here"),  # torch does not contain its module
    ],
)
def test_a_device_that_is_not_there(gpu, name, count, words):
    gpu(count=count)
    with pytest.raises(UserError, match=words):
        Machine(name)


def test_precisions_of_gpus(gpu):
    gpu()
    assert Machine("cuda").precision == "bf16"
    gpu(capability=(8, 0))  # an A100, the first with bfloat16 (NVIDIA's table of compute capabilities)
    assert Machine("cuda").precision == "bf16"
    gpu(capability=(7, 5))  # a T4
    assert Machine("cuda").precision == "fp16"
    with pytest.raises(UserError, match=r"does not compute in bf16.*Use fp16"):
        Machine("cuda", "bf16")


@pytest.mark.parametrize(
    ("computes", "channels", "network", "expected"),
    [
        (True, 64, "generator", "bf16"),
        (True, BF16_CHANNELS, "generator", "bf16"),
        (True, BF16_CHANNELS - 1, "generator", "fp32"),
        (True, 64, "espcn", "fp32"),
        (False, 64, "generator", "fp32"),
    ],
)
def test_precision_of_a_cpu(monkeypatch, computes, channels, network, expected):
    """bf16 where the processor computes in it and the network is wide enough to gain by it; no clock decides."""
    monkeypatch.setattr(machine, "computes_in_bf16", lambda device: computes)
    recipe = Recipe(name="x", steps=1, channels=channels, network=network)
    assert Options(device="cpu").machine_for(recipe).precision == expected
    assert Options(device="cpu", precision="fp32").machine_for(recipe).precision == "fp32"


@pytest.mark.parametrize(("name", "scaled"), [("fp32", False), ("bf16", False), ("fp16", True)])
def test_only_fp16_scales_its_gradients(name, scaled):
    assert Machine("cpu", name).scaler.is_enabled() == scaled


def test_a_processor_is_asked_what_it_computes_in(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert precision.computes_in_bf16(torch.device("cpu"))
    assert not precision.computes_in_bf16(torch.device("mps"))  # the processor's answer says nothing about it
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not precision.computes_in_bf16(torch.device("cpu"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"WORLD_SIZE": "2"}, "MASTER_ADDR or MASTER_PORT is not set"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "To train in one process, unset WORLD_SIZE and RANK"),
        ({"RANK": "one"}, "RANK is 'one'"),
    ],
)
def test_variables_left_by_another_run(monkeypatch, variables, words):
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=words):
        Machine("cpu")


def test_settings_of_torch_are_put_back():
    before = (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32)
    with Machine("cpu").tuned():
        assert torch.backends.cudnn.benchmark
        assert torch.get_float32_matmul_precision() == "high"
        with precision.full_float32():
            assert not torch.backends.cudnn.benchmark
            assert not torch.backends.cudnn.allow_tf32
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.backends.cudnn.benchmark
    after = (torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32)
    assert before == after


def test_full_float32_within_autocast():
    layer, x = torch.nn.Linear(8, 8), torch.rand(4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        with precision.full_float32():
            assert layer(x).dtype == torch.float32


NO_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other call"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: str(error)[:40])
def test_a_lack_of_memory_is_recognised(error):
    """Whichever part of torch speaks. Between processes, it does not mean that the others are lost."""
    assert is_out_of_memory(error)
    with pytest.raises(type(error)) as raised, processes.talking():
        raise error
    assert raised.value is error


@pytest.mark.parametrize("words", ["CUDA error: an illegal memory access", "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"])
def test_other_errors_are_no_lack_of_memory(words):
    assert not is_out_of_memory(RuntimeError(words))
    with pytest.raises(UserError, match="process 0 of 1 has lost the others"), processes.talking():
        raise RuntimeError(words)
