"""Compile the CUDA kernel of the semantic warp anew, with nvcc of CUDA 13.0, into the package."""

from scr_live.convert.semantic_warp.ptx import PTX, compile_ptx, parameters_of

if __name__ == "__main__":
    compiled = compile_ptx()
    PTX.write_text(compiled, encoding="ascii")
    for name, parameters in parameters_of(compiled).items():
        print(f"{PTX.name}: {name}({', '.join(parameters)})")
