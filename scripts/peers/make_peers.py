"""Networks that speed is compared with, as ONNX files that `scr-live run --model` takes.

    python scripts/peers/make_peers.py --out out/peers

Untrained: for speed alone, which does not depend on what the weights are; what they mark is noise.
"""

import argparse
import hashlib
import json
from pathlib import Path

from catalogue import PEERS, Peer
from making import UNTRAINED, multiplications, onnx_bytes, parameters, with_seeded_weights

from scr_live.card import ModelCard
from scr_live.files import write_bytes, write_json, write_text

SIZE_STEP = 32
SMALLEST = 64
FACTS = ".facts.json"


def main() -> None:
    """Write NAME.onnx and NAME.json of each network asked for, and a README.md about them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/peers"))
    parser.add_argument("--size", type=_size, default=352, help="side of the picture; a multiple of 32")
    parser.add_argument("--only", type=_names, default=tuple(PEERS), help=f"some of {','.join(PEERS)}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        facts = make(name, PEERS[name], arguments.out, size=arguments.size)
        print(f"{name}: {facts['parameters'] / 1e6:.3f} M parameters, {facts['macs'] / 1e9:.2f} GMAC")
    write_readme(arguments.out)


def make(name: str, peer: Peer, folder: Path, *, size: int) -> dict[str, str | int]:
    """Write the file and its card; returns what the network is and costs."""
    content = onnx_bytes(with_seeded_weights(peer.build()), name=name, size=size)
    write_bytes(folder / f"{name}.onnx", content)
    card = ModelCard(
        name=f"{name} ({UNTRAINED})", input_size=size, sha256=hashlib.sha256(content).hexdigest()
    ).as_dict()
    del card["network"]
    write_json(
        folder / f"{name}.json", {key: list(v) if isinstance(v, tuple) else v for key, v in card.items()}
    )
    network = peer.build()
    facts = {
        "title": peer.title,
        "size": size,
        "parameters": parameters(network),
        "macs": multiplications(network, size),
    }
    write_json(folder / f"{name}{FACTS}", facts)
    return facts


def write_readme(folder: Path) -> None:
    """A table of all that lies in the folder."""
    rows = [
        "# Peers",
        "",
        f"**{UNTRAINED[0].upper()}{UNTRAINED[1:]}.** Made by `scripts/peers/make_peers.py`; the README.md",
        "beside it says more.",
        "",
        "| file | network | input | parameters, M | GMAC |",
        "|---|---|---|---|---|",
    ]
    for path in sorted(folder.glob(f"*{FACTS}")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        name = path.name.removesuffix(FACTS)
        rows.append(
            f"| {name}.onnx | {facts['title']} | {facts['size']} | {facts['parameters'] / 1e6:.3f} | "
            f"{facts['macs'] / 1e9:.2f} |"
        )
    write_text(folder / "README.md", "\n".join(rows) + "\n")


def _size(text: str) -> int:
    size = int(text)
    if size % SIZE_STEP or size < SMALLEST:
        raise argparse.ArgumentTypeError(f"expected a multiple of {SIZE_STEP} from {SMALLEST}; found {size}")
    return size


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; expected some of {','.join(PEERS)}")
    return names


if __name__ == "__main__":
    main()
