"""For several folders: a small hybrid model, really trained on a few MovieLens users, and programs made by hand."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fake_board
from gatewright.program.compiled import (
    CompiledProgram,
    FabricStep,
    HostStep,
    Layer,
    Patch,
    Placement,
    Region,
    Value,
    Variant,
    shape_at,
)
from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    VECTOR,
    VECTOR_PARAMS_DTYPE,
    AttentionFlags,
    GemmFlags,
    encode,
)
from gatewright.spec.config import SPEC_VERSION, get_config
from gatewright.spec.memory import COMMAND_BYTES
from gatewright.spec.vector import Combine, ElementType, Function, table_records


@pytest.fixture(scope="session")
def small_options():
    from gatewright.models.experts import Hybrid
    from gatewright.models.train import TrainingOptions

    return TrainingOptions(hybrid=Hybrid(width=64, graph_steps=30, joint_width=96))


@pytest.fixture(scope="session")
def small_trained(shared_cache, small_options):
    """Trained from nothing."""
    from gatewright.models.data import load_movielens
    from gatewright.models.train import train_or_load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
        return train_or_load(load_movielens().subset(10), small_options)


@pytest.fixture(scope="session")
def small_deployed(shared_cache, small_trained):
    """Compiled for `pynq-z2`."""
    from gatewright.models.deploy import deploy_or_load
    from gatewright.spec.config import get_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(shared_cache))
        return deploy_or_load(small_trained, get_config("pynq-z2"))


# ---- small compiled programs, made by hand


class ProgramBuilder:
    """Lays out a program of config tiny: commands first, then what is put or reserved."""

    def __init__(self, commands: int = 256) -> None:
        """With room for so many commands."""
        self._commands: list[bytes] = []
        self._end = commands * COMMAND_BYTES
        self._image = bytearray(self._end)

    def put(self, array: np.ndarray) -> int:
        """Offset of a constant whose rows are padded to 8 bytes (of a vector: not padded)."""
        array = np.atleast_2d(array)
        raw = np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1)
        pad = -raw.shape[1] % 8
        offset = self.room(raw.shape[0] * (raw.shape[1] + pad))
        self._image += bytes(offset - len(self._image)) + np.pad(raw, ((0, 0), (0, pad))).tobytes()
        return offset

    def room(self, nbytes: int) -> int:
        """Offset of memory for a value."""
        offset, self._end = self._end, -(-(self._end + nbytes) // 64) * 64
        return offset

    def placement(self, name: str, shape: tuple, element: str, capacity: dict | None = None, **options) -> Placement:
        """A value; the type on the host is float32 unless ``dtype`` says otherwise."""
        full = shape_at(shape, capacity or {})
        rows, cols = int(np.prod(full[:-1])), full[-1] if full else 1
        fields = {"dtype": "float32", "stride": 0, "offset": 0} | options
        found = Placement(name=name, shape=shape, rows=rows, cols=cols, element=element, **fields)
        found = replace(found, stride=-(-found.row_bytes // 8) * 8)
        return found if "offset" in options else replace(found, offset=self.room(found.nbytes))

    def step(
        self, commands: list[bytes], inputs: list, outputs: list, patches: tuple = (), node: str = "node"
    ) -> FabricStep:
        """A command list with one layer for all of it."""
        offset = COMMAND_BYTES * len(self._commands)
        self._commands += commands
        layers = (Layer(node, "Test", 0, len(commands), 0.25),)
        return FabricStep(offset, len(commands), tuple(inputs), tuple(outputs), tuple(patches), layers)

    def program(self, *variants: Variant, **changes) -> CompiledProgram:
        """All of it."""
        config = get_config("tiny")
        self._image[: COMMAND_BYTES * len(self._commands)] = b"".join(self._commands)
        image = np.frombuffer(bytes(self._image), np.uint8)
        made = CompiledProgram("test", "tiny", config.hash, SPEC_VERSION, image, max(self._end, len(image)), variants)
        return replace(made, **changes)


def _value(placement: Placement, shape: tuple | None = None) -> Value:
    return Value(placement.name, placement.dtype, shape or placement.shape)


def _gemm(a: Placement, b: int, c: Placement, k: int, n: int, **options) -> bytes:
    fields = {"params_addr": 0, "b_stride": -(-k // 8) * 8, "m": a.rows, "n": n, "k": k} | options
    flags = fields.pop("flags", GemmFlags.OUT_INT32)
    places = {"a_addr": a.offset, "b_addr": b, "c_addr": c.offset, "a_stride": a.stride, "c_stride": c.stride}
    return encode(GEMM, flags, **places, **fields)


class Programs:
    """Programs by what they show. Constants are the same in all: WEIGHT int8 [9, 24]."""

    WEIGHT = np.random.default_rng(5).integers(-128, 128, (9, 24)).astype(np.int8)
    X_SCALE, Y_SCALE = 0.5, 0.125

    @classmethod
    def linear(cls, commands: int = 1, constant_bytes: int = 0) -> CompiledProgram:
        """y = x WEIGHT^T, x [4, 24], by as many equal commands as asked for."""
        build = ProgramBuilder(max(commands, 256))
        weight = build.put(cls.WEIGHT)
        if constant_bytes:
            build.put(np.ones(constant_bytes, np.uint8))
        x = build.placement("x", (4, 24), "int8", scale=(cls.X_SCALE,))
        y = build.placement("y", (4, 9), "int32", scale=(cls.Y_SCALE,))
        step = build.step([_gemm(x, weight, y, 24, 9)] * commands, [x], [y], node="fc")
        regions = (
            Region("fc.weight", "constant", weight, cls.WEIGHT.size, 0, commands - 1),
            Region("x", "input", x.offset, x.nbytes, 0, commands - 1),
            Region("y", "output", y.offset, y.nbytes, 0, commands - 1),
        )
        return build.program(Variant({}, {}, (_value(x),), (_value(y),), (step,), regions))

    @classmethod
    def with_host_step(cls, nonlinearity: str = "Relu") -> CompiledProgram:
        """y = relu(x WEIGHT^T) WEIGHT_2^T: fabric, host, fabric. The last value of WEIGHT_2 is the first of WEIGHT."""
        import onnx
        from onnx import TensorProto, helper

        def info(name: str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 9])

        node = helper.make_node(nonlinearity, ["h"], ["r"], name="relu")
        graph = helper.make_graph([node], "host", [info("h")], [info("r")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        build = ProgramBuilder()
        weight, second = build.put(cls.WEIGHT), build.put(cls.WEIGHT[:, :9])
        x = build.placement("x", (4, 24), "int8", scale=(cls.X_SCALE,))
        h = build.placement("h", (4, 9), "int32", scale=(cls.Y_SCALE,))
        r = build.placement("r", (4, 9), "int8", scale=(64.0,))
        y = build.placement("y", (4, 9), "int32", scale=(1.0,))
        steps = (
            build.step([_gemm(x, weight, h, 24, 9)], [x], [h], node="fc1"),
            HostStep(model.SerializeToString(), ("h",), ("r",), ("relu",), ("a test keeps it on the host",)),
            build.step([_gemm(r, second, y, 9, 9)], [r], [y], node="fc2"),
        )
        return build.program(Variant({}, {}, (_value(x),), (_value(y),), steps))

    @classmethod
    def attention(cls, buckets: tuple[int, ...] = (8, 16), **options: int) -> CompiledProgram:
        """One head over x [1, tokens, 16] int8 with the key mask m [1, tokens] int64; y int8 [1, tokens, 16]."""
        build = ProgramBuilder()
        variants = []
        for tokens in buckets:
            x = build.placement("x", (1, tokens, 16), "int8", scale=(cls.X_SCALE,))
            mask = build.placement("m", (1, tokens), "bit", dtype="int64")
            y = build.placement("y", (1, tokens, 16), "int8", scale=(1.0,))
            fields = {"seq_q": tokens, "seq_kv": tokens, "heads": 1, "head_dim": 16, "mask_addr": mask.offset}
            for name, place in (("q", x), ("k", x), ("v", x), ("o", y)):
                fields |= {f"{name}_addr": place.offset, f"{name}_stride": place.stride}
            fields |= {"score_multiplier": 40000, "score_shift": 20, "out_multiplier": 32768, "out_shift": 15}
            step = build.step([encode(ATTENTION, AttentionFlags.KEY_MASK, **fields | options)], [x, mask], [y])
            x_value, y_value = (_value(place, (1, "tokens", 16)) for place in (x, y))
            values = (x_value, _value(mask, (1, "tokens")))
            variants.append(Variant({"tokens": tokens}, {}, values, (y_value,), (step,)))
        return build.program(*variants)

    @classmethod
    def vector(cls) -> CompiledProgram:
        """y = clip(4 (a + b), 0, 8000) of int8 [2, 8], as int16; a table, all scales 1."""
        build = ProgramBuilder()
        table = build.put(table_records(lambda x: np.clip(4 * x, 0, 8000), 1.0, 1.0).reshape(-1))
        record = build.put(np.array([(0, 256, 8, 0)], VECTOR_PARAMS_DTYPE).view(np.uint8))
        a, b = (build.placement(name, (2, 8), "int8", scale=(1.0,)) for name in "ab")
        y = build.placement("y", (2, 8), "int16", scale=(1.0,))
        fields = dict.fromkeys((field.name for field in VECTOR.fields), 0)
        fields |= {f"{place.name}_addr": place.offset for place in (a, b, y)}
        fields |= {f"{place.name}_stride": place.stride for place in (a, b, y)}
        fields |= {"params_addr": record, "table_addr": table, "rows": 2, "cols": 8, "a_multiplier": 1}
        fields |= {"b_multiplier": 1, "combine": Combine.ADD, "function": Function.TABLE, "y_type": ElementType.INT16}
        step = build.step([encode(VECTOR, **fields)], [a, b], [y], node="sum")
        return build.program(Variant({}, {}, (_value(a), _value(b)), (_value(y),), (step,)))

    @classmethod
    def aggregate(cls, rows: int = 5, edges: int = 32) -> CompiledProgram:
        """y[r] = sum of w_e x[col_e]: x [7, 8], row_ptr [rows + 1], col and w [edges], at most ``edges``; scales 1."""
        build = ProgramBuilder()
        capacity = {"edges": edges}
        x = build.placement("x", (7, 8), "int8", scale=(1.0,))
        row_ptr = build.placement("row_ptr", (rows + 1,), "uint32", dtype="int64")
        col = build.placement("col", ("edges",), "uint32", capacity, dtype="int64", limit=7)
        weight = build.placement("w", ("edges",), "int16", capacity, scale=(1.0,))
        y = build.placement("y", (rows, 8), "int8", scale=(1.0,))
        fields = {"rows": rows, "cols": 7, "nnz": edges, "features": 8, "multiplier": 32768, "shift": 15}
        for name, place in (("row_ptr", row_ptr), ("col", col), ("weight", weight), ("x", x), ("y", y)):
            fields[f"{name}_addr"] = place.offset
        fields |= {"x_stride": x.stride, "y_stride": y.stride}
        inputs = [x, row_ptr, col, weight]
        step = build.step([encode(AGGREGATE, **fields)], inputs, [y], [Patch(0, "nnz", "edges")], "graph")
        values = tuple(map(_value, inputs))
        return build.program(Variant({}, capacity, values, (_value(y),), (step,)))


@pytest.fixture(scope="session")
def programs() -> type[Programs]:
    """Small compiled programs of config tiny."""
    return Programs


# ---- a board without a board


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design for the board, not to be changed."""
    return fake_board.make_design(tmp_path_factory.mktemp("design") / "built")


@pytest.fixture(scope="session")
def make_design() -> object:
    """Writes a design to a folder, of another board or clock."""
    return fake_board.make_design


@pytest.fixture
def design(built_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(built_once, tmp_path / "design"))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> object:
    """The device, active in pynq, with a fabric of config tiny."""
    pynq = pytest.importorskip("pynq")
    made = fake_board.make_device(get_config("tiny"))
    monkeypatch.setattr(pynq.Device, "_active_device", made, raising=False)
    return made
