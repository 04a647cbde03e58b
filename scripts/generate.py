"""Generate src/reelmill/v1 from proto/. With --check only compare; exit status 1 where they differ."""

import sys
import tempfile
from pathlib import Path

import google.api
import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src/reelmill/v1"
# googleapis-common-protos carries its .proto files beside its modules.
INCLUDES = [ROOT / "proto", Path(google.api.__path__[0]).parents[1], Path(grpc_tools.__path__[0]) / "_proto"]


def generate(out: Path) -> None:
    """Write the modules, type stubs and a descriptor set with the protos' comments below `out`."""
    protos = sorted(str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto/reelmill/v1").glob("*.proto"))
    services = [p for p in protos if "\nservice " in (ROOT / "proto" / p).read_text()]
    includes = [f"-I{p}" for p in INCLUDES]
    common = ["protoc", *includes, f"--python_out={out}", f"--pyi_out={out}"]
    descriptors = ["--include_source_info", f"--descriptor_set_out={out}/reelmill/v1/descriptors.binpb"]
    (out / "reelmill/v1").mkdir(parents=True)
    for arguments in ([*common, *descriptors, *protos], ["protoc", *includes, f"--grpc_python_out={out}", *services]):
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed; its message is above")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = {p.name: p.read_bytes() for p in (Path(folder) / "reelmill/v1").iterdir()}
    kept = {p.name: p.read_bytes() for p in TARGET.iterdir() if p.is_file() and p.name != "__init__.py"}
    different = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
    if "--check" in sys.argv:
        if different:
            print(f"src/reelmill/v1 is not what proto/ gives: {', '.join(different)}. Run `make generate`.")
        return 1 if different else 0
    for name in different:
        if name in made:
            (TARGET / name).write_bytes(made[name])
        else:
            (TARGET / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
