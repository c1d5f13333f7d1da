"""The kernel's CPU build, made once."""

import pytest
from host_kernel import CUDA_HEADERS, HostKernel, build


@pytest.fixture(scope="session")
def plain_kernel(tmp_path_factory):
    """Without any header of CUDA; half precision is the compiler's own."""
    folder = tmp_path_factory.mktemp("kernel")
    return HostKernel(build(folder, "plain.so", "-O2", "-shared", "-fPIC"))


@pytest.fixture(scope="session")
def cuda_kernel(tmp_path_factory):
    """With CUDA's half precision, as on the GPU."""
    if not (CUDA_HEADERS / "cuda_fp16.h").exists():
        pytest.skip(f"needs cuda_fp16.h of the CUDA toolkit, looked for in {CUDA_HEADERS}")
    folder = tmp_path_factory.mktemp("kernel")
    options = ("-O2", "-shared", "-fPIC", "-DSCR_CUDA_HALF", "-isystem", str(CUDA_HEADERS))
    return HostKernel(build(folder, "cuda.so", *options))


@pytest.fixture(params=["plain", "cuda"])
def kernel(request):
    return request.getfixturevalue(f"{request.param}_kernel")
